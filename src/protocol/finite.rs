//! Figures that are no numbers: what a network says whose weights are spoiled.

use super::{Classification, Evaluation, Event};

impl Event {
    /// Whether every loss and confidence in it is a number.
    pub fn is_finite(&self) -> bool {
        let evaluated = |one: &Evaluation| one.loss.is_finite();
        let answered = |one: &Classification| one.top.iter().all(|(_, p)| p.is_finite());
        match self {
            Self::Step(report) => [report.spiking, report.dense]
                .iter()
                .flatten()
                .all(|figures| figures.loss.is_finite()),
            Self::Evaluated { spiking, dense, .. } => evaluated(spiking) && evaluated(dense),
            Self::Classified { spiking, dense, .. } => answered(spiking) && answered(dense),
            Self::TriedOut {
                spiking,
                dense,
                picture,
                ..
            } => {
                let picture = picture.as_ref().is_none_or(|(answer, _)| answered(answer));
                evaluated(spiking) && evaluated(dense) && picture
            }
            _ => true,
        }
    }
}
