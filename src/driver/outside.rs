//! (s) What the driver has others do: each is a task that brings its answer back as an input.

use super::Driver;
use crate::call::event::StreamConnect;
use crate::clock::Wall;
use crate::media::decode;
use crate::speech::{ClipId, Speech, SpeechError};
use crate::store::{Scope, outbox};
use crate::switch::Input;
use crate::telemetry::redact;
use crate::webhooks::request::{FetchError, FetchId, FetchRequest};
use crate::webhooks::schedule;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Pause before the store is asked again for callbacks that memory does not hold.
const OUTBOX_AGAIN: Duration = Duration::from_secs(1);

impl Driver {
    pub(super) fn fetch(&self, id: FetchId, request: FetchRequest) {
        let (fetcher, inbox) = (self.parts.fetcher.clone(), self.inbox.clone());
        self.parts.outside.spawn(async move {
            let (call, purpose) = (request.call, request.purpose);
            let result = fetcher.fetch(request).await;
            match &result {
                Ok(f) => tracing::debug!(?call, ?purpose, status = f.status, ms = f.ms, "fetched"),
                Err(e) => {
                    tracing::info!(?call, ?purpose, code = e.code, ms = e.ms, "{}", redact::line(&e.words));
                }
            }
            let _ = inbox.send(Input::Fetched(id, result)).await;
        });
    }

    pub(super) fn speak(&self, id: ClipId, speech: Speech) {
        let (say, inbox) = (self.parts.say.clone(), self.inbox.clone());
        self.parts.outside.spawn(async move {
            let result = match say.speak(&speech).await {
                Ok(spoken) => {
                    if let Some((code, words)) = spoken.warning {
                        let _ = inbox.send(Input::Warned(id, code, words)).await;
                    }
                    Ok(spoken.clip)
                }
                Err(e) => Err(e),
            };
            let _ = inbox.send(Input::Clip(id, result)).await;
        });
    }

    pub(super) fn load(&self, id: ClipId, request: FetchRequest) {
        let (clips, inbox) = (self.parts.clips.clone(), self.inbox.clone());
        self.parts.outside.spawn(async move {
            let result = clips.play(request).await.map_err(|e: FetchError| SpeechError::new(e.code, e.words));
            let _ = inbox.send(Input::Clip(id, result)).await;
        });
    }

    pub(super) fn decode(&self, id: ClipId, content_type: String, body: Bytes) {
        let inbox = self.inbox.clone();
        self.parts.outside.spawn(async move {
            let decoded = tokio::task::spawn_blocking(move || {
                let container = decode::container(&content_type)
                    .ok_or_else(|| SpeechError::new(13420, format!("{content_type} cannot be played")))?;
                decode::decode(body, container).map(Arc::new).map_err(|e| SpeechError::new(13420, e.0))
            });
            let result =
                decoded.await.unwrap_or_else(|_| Err(SpeechError::new(13420, "the audio cannot be read")));
            let _ = inbox.send(Input::Clip(id, result)).await;
        });
    }

    pub(super) fn load_outbox(&self, upto: Wall) {
        let (store, inbox) = (self.parts.store.clone(), self.inbox.clone());
        self.parts.outside.spawn(async move {
            let pending = loop {
                match store.read(|r| outbox::live(r, Scope::Operator)).await {
                    Ok(rows) => break rows,
                    // The switch waits for these before it asks again.
                    Err(e) => tracing::error!("pending callbacks could not be read: {e:?}"),
                }
                tokio::time::sleep(OUTBOX_AGAIN).await;
            };
            let (rows, later) = schedule::page(pending, upto, schedule::WINDOW);
            let _ = inbox.send(Input::Outbox(rows, later)).await;
        });
    }

    pub(super) fn connect(&mut self, c: StreamConnect) {
        let dial = self.parts.media.dial(self.parts.fetcher.clone(), c);
        self.parts.outside.spawn(dial);
    }
}
