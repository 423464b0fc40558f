//! (s) How many files and sockets the process may have open. A call has two to five, and the usual soft limit is 1,024.

/// Raises the soft limit to the hard one, for this process and those it starts; what it is now, 0 if nobody knows.
pub fn raise() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes into the struct, which lives through the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return 0;
    }
    let wanted = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
    // SAFETY: the kernel only reads the struct.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const wanted) } == 0 {
        wanted.rlim_cur
    } else {
        limit.rlim_cur
    }
}
