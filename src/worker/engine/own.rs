//! The visitor's own classes: a lesson between commands, like training.

use super::{Engine, Twins};
use crate::config::Freeze;
use crate::protocol::Event;
use crate::train::lesson::{LessonError, Taught, from_interleaved};
use crate::train::{Examples, Lesson, Precision};
use crate::worker::host::Progress;

/// Stands between the classes and where the weights came from.
const FROM: &str = ", learned from ";

/// A lesson and its way to the page.
pub(super) struct Teaching {
    lesson: Lesson,
    progress: Progress,
}

impl Teaching {
    fn report(&self) {
        let (done, all) = self.lesson.progress();
        // The last part is told by Taught.
        self.progress
            .report("learning your classes", done.min(all - 1), all);
    }
}

impl Engine {
    pub(super) async fn teach(
        &mut self,
        classes: Vec<String>,
        labels: &[u8],
        pixels: &[u8],
        freeze: Freeze,
    ) {
        self.stop();
        let Some(twins) = &self.twins else {
            return self.host.warn("there are no networks yet: wait for them");
        };
        let begun = async {
            let set = from_interleaved(pixels, labels)
                .map_err(|error| LessonError::Refused(error.to_string()))?;
            let networks = [&twins.spiking, &twins.dense];
            Lesson::begin(networks, Examples { classes, set }, freeze, &self.device).await
        };
        match begun.await {
            Ok(lesson) => {
                let teaching = Teaching {
                    lesson,
                    progress: Progress::new(&self.host),
                };
                teaching.report();
                self.teaching = Some(teaching);
            }
            Err(error) => self.complain(error),
        }
    }

    /// The next part of the lesson; the new networks, once it is over.
    pub(super) async fn teach_on(&mut self) {
        let (Some(mut teaching), Some(twins)) = (self.teaching.take(), &self.twins) else {
            return;
        };
        match teaching
            .lesson
            .advance([&twins.spiking, &twins.dense])
            .await
        {
            Ok(false) => {
                teaching.report();
                self.teaching = Some(teaching);
            }
            Ok(true) => match teaching.lesson.finish().await {
                Ok(taught) => self.taught(taught),
                Err(error) => self.complain(error),
            },
            Err(error) => self.complain(error),
        }
    }

    fn taught(&mut self, taught: Taught) {
        let Some(twins) = &self.twins else { return };
        self.host.send_with(
            &Event::Taught {
                learned: taught.learned,
                held_back: taught.held_back,
                spiking_right: taught.right[0],
                dense_right: taught.right[1],
            },
            &taught.before.to_bytes(Precision::F32),
        );
        let [spiking, dense] = taught.sessions;
        let names = spiking.config().data.classes.clone().unwrap_or_default();
        let origin = twins.weights.rsplit_once(FROM);
        let origin = origin.map_or(twins.weights.as_str(), |(_, origin)| origin);
        self.twins = Some(Twins {
            weights: format!("your own classes ({}){FROM}{origin}", names.join(", ")),
            train_dense: twins.train_dense,
            spiking,
            dense,
            fresh: false,
        });
        self.announce();
    }

    fn complain(&self, error: LessonError) {
        match error {
            LessonError::Device(error) => self.host.send(&Event::Fatal {
                text: error.to_string(),
            }),
            other => self.host.warn(other.to_string()),
        }
    }
}
