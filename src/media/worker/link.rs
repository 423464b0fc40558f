//! (s) A stream's connection: plain, or with TLS on top. rustls does no reading of its own, so both look the same from above.

use mio::net::TcpStream;
use rustls::ClientConnection;
use std::io::{self, Read, Write};

/// Why a connection is of no use any more.
#[derive(Debug)]
pub(super) enum Broken {
    /// Certificate, name, version, record ...
    Tls(String),
    /// The kernel's word.
    Io(io::Error),
}

impl From<io::Error> for Broken {
    fn from(e: io::Error) -> Broken {
        Broken::Io(e)
    }
}

pub(super) enum Link {
    Plain(TcpStream),
    Tls(TcpStream, Box<ClientConnection>),
}

/// `None`: it would block.
fn waiting(r: io::Result<usize>) -> io::Result<Option<usize>> {
    match r {
        Ok(n) => Ok(Some(n)),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(e) => Err(e),
    }
}

impl Link {
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Link::Plain(tcp) | Link::Tls(tcp, _) => tcp,
        }
    }

    /// No TLS.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Link::Plain(_))
    }

    /// Some(0): the far end is done. None: nothing is there now; all that rustls had decrypted has been read.
    pub(super) fn read(&mut self, into: &mut [u8]) -> Result<Option<usize>, Broken> {
        let (tcp, tls) = match self {
            Link::Plain(tcp) => return Ok(waiting(tcp.read(into))?),
            Link::Tls(tcp, tls) => (tcp, tls),
        };
        loop {
            match tls.reader().read(into) {
                Ok(n) => return Ok(Some(n)),
                // Gone without close_notify: the WebSocket's close frame is what counts.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e.into()),
            }
            match waiting(tls.read_tls(tcp))? {
                None => return Ok(None),
                Some(0) if tls.is_handshaking() => return Ok(Some(0)),
                Some(_) => {}
            }
            let processed = tls.process_new_packets().map(|_| ());
            // Answers of the handshake, or the alert that says what was wrong.
            let flushed = flush(tcp, tls);
            processed.map_err(|e| Broken::Tls(e.to_string()))?;
            flushed?;
        }
    }

    /// How many octets were taken; 0: it would block.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        match self {
            Link::Plain(tcp) => Ok(waiting(tcp.write(bytes))?.unwrap_or(0)),
            Link::Tls(tcp, tls) => {
                // At most one write lies in rustls, so that what is stale can still be dropped from what lies here.
                if !flush(tcp, tls)? {
                    return Ok(0);
                }
                let n = tls.writer().write(bytes)?;
                flush(tcp, tls)?;
                Ok(n)
            }
        }
    }

    /// False: some of what was written still waits for the kernel.
    pub(super) fn flush(&mut self) -> Result<bool, Broken> {
        match self {
            Link::Plain(_) => Ok(true),
            Link::Tls(tcp, tls) => flush(tcp, tls),
        }
    }

    /// Says goodbye as far as the kernel takes it.
    pub(super) fn finish(&mut self) {
        if let Link::Tls(tcp, tls) = self {
            tls.send_close_notify();
            let _ = flush(tcp, tls);
        }
        let _ = self.socket().shutdown(std::net::Shutdown::Write);
    }
}

fn flush(tcp: &mut TcpStream, tls: &mut ClientConnection) -> Result<bool, Broken> {
    while tls.wants_write() {
        if waiting(tls.write_tls(tcp))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
