//! What a ruling becomes under other assumptions that somebody could defend. A verdict that turns with one of
//! them says so.

use super::account::{Account, account, share};
use super::assumptions::{
    Assumptions, FirstConv, MembraneAccess, Movement, WeightReads, ZeroSkipping,
};
use super::counts::{Activity, Census};
use super::ruling::{RulingKind, price};
use super::verdict::Alternative;

pub(super) fn alternatives(
    kind: RulingKind,
    spiking: &Census,
    activity: &Activity,
    dense: &Census,
    with: &Assumptions,
) -> Vec<Alternative> {
    let again = |(text, with): (&str, Assumptions)| {
        let counted = account(spiking, activity, &with);
        let twin = account(dense, &Activity::default(), &with);
        let priced = price(kind, &counted, &twin, &with);
        alternative(text, priced.spiking_pj(), priced.dense_pj())
    };
    let mut list: Vec<Alternative> = others(kind, with).into_iter().map(again).collect();
    if kind == RulingKind::ComputeOnly {
        let counted = account(spiking, activity, with);
        let twin = account(dense, &Activity::default(), with);
        list.push(literature(&counted, &twin, with));
        list.push(same_architecture(&counted, with));
    }
    list
}

/// The choices turned round, one at a time.
fn others(kind: RulingKind, with: &Assumptions) -> Vec<(&'static str, Assumptions)> {
    let base = with.clone();
    match kind {
        RulingKind::ComputeOnly => vec![match with.first_conv {
            FirstConv::Once => (
                "if the first convolution is charged at every time step",
                Assumptions {
                    first_conv: FirstConv::EveryStep,
                    ..base
                },
            ),
            FirstConv::EveryStep => (
                "if the first convolution is charged once",
                Assumptions {
                    first_conv: FirstConv::Once,
                    ..base
                },
            ),
        }],
        RulingKind::WithMovement => vec![
            match with.dense_weights {
                WeightReads::PerOperation => (
                    "if the dense network reads each weight once per picture and keeps it",
                    Assumptions {
                        dense_weights: WeightReads::OncePerPicture,
                        ..base.clone()
                    },
                ),
                WeightReads::OncePerPicture => (
                    "if the dense network reads a weight for every operation, as the spiking one does",
                    Assumptions {
                        dense_weights: WeightReads::PerOperation,
                        ..base.clone()
                    },
                ),
            },
            match with.membrane {
                MembraneAccess::PerStep => (
                    "if every accumulate reads and writes its membrane potential in memory",
                    Assumptions {
                        membrane: MembraneAccess::PerEvent,
                        ..base
                    },
                ),
                MembraneAccess::PerEvent => (
                    "if the inputs of a step gather in a register",
                    Assumptions {
                        membrane: MembraneAccess::PerStep,
                        ..base
                    },
                ),
            },
        ],
        RulingKind::BitMatched => vec![
            match with.movement {
                Movement::PerOperation => (
                    "if a spike or activation travels once for all its synapses",
                    Assumptions {
                        movement: Movement::Multicast,
                        ..base.clone()
                    },
                ),
                Movement::Multicast => (
                    "if a spike or activation travels to each synapse by itself",
                    Assumptions {
                        movement: Movement::PerOperation,
                        ..base.clone()
                    },
                ),
            },
            match with.zero_skipping {
                ZeroSkipping::Off => (
                    "if the quantised network skips zeros",
                    Assumptions {
                        zero_skipping: ZeroSkipping::On,
                        ..base
                    },
                ),
                ZeroSkipping::On => (
                    "if the quantised network multiplies zeros too",
                    Assumptions {
                        zero_skipping: ZeroSkipping::Off,
                        ..base
                    },
                ),
            },
        ],
    }
}

/// Firing rate times dense operations, padding counted: what papers print.
fn literature(spiking: &Account, dense: &Account, with: &Assumptions) -> Alternative {
    let price = &with.compute;
    let pj = |account: &Account| price.pj(account.total.rate_macs, account.total.rate_acs, 0.0);
    alternative(
        "by the literature's firing rate times dense operations, padding counted and shifts free",
        pj(spiking),
        pj(dense),
    )
}

/// The spiking network's own layers, each run once on real numbers.
fn same_architecture(spiking: &Account, with: &Assumptions) -> Alternative {
    let ops = &spiking.total;
    let price = &with.compute;
    alternative(
        "against its own layers run once on real numbers instead of the dense twin",
        price.pj(ops.macs, ops.acs, ops.shifts),
        price.pj(ops.dense_macs, 0.0, 0.0),
    )
}

fn alternative(assumption: &str, spiking_pj: f64, dense_pj: f64) -> Alternative {
    Alternative {
        assumption: assumption.into(),
        spiking_pj,
        dense_pj,
        ratio: share(dense_pj, spiking_pj),
    }
}
