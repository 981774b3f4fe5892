//! Distillation: what is learned from a teacher's answers, and what is refused.

use burn::tensor::Device;
use futures_lite::future::block_on;
use gemst::config::*;
use gemst::data::batch::{Batch, eval_batch};
use gemst::data::synthetic;
use gemst::train::distill::TeacherError;
use gemst::train::eval::softmax;
use gemst::train::{Member, Session, Teachers};

/// The dense twin gives the same answers in training and at inference.
fn network(seed: u64) -> Session {
    let mut run = preset("dense-tiny", DatasetKind::Synthetic).expect("listed");
    run.seed = seed;
    Session::new(run, &Device::flex()).expect("the configuration is valid")
}

fn member(session: &Session) -> Member {
    block_on(session.save("dense")).expect("flex reads")
}

fn batch() -> Batch {
    let set = synthetic::generate(0, 8, 1).train;
    eval_batch(&set, 0..8)
}

/// The loss of the first step of network 0.
fn loss(teachers: &[Member], weight: f64) -> f64 {
    let mut session = network(0);
    let classes = DatasetKind::Synthetic.classes();
    let teachers = Teachers::new(teachers, weight, classes, &Device::flex()).expect("they fit");
    let stats = block_on(teachers.step(&mut session, &batch(), false)).expect("flex computes");
    block_on(stats.read()).expect("flex reads").loss
}

/// `-Σ p log q` by hand, averaged over pictures, for p the mean of what teachers say and q what the network says.
fn cross_entropy(teachers: &[Session]) -> f64 {
    let say = |session: &Session| -> Vec<f32> {
        let (rows, _) = block_on(session.infer(&batch())).expect("flex computes");
        rows.iter().flat_map(|row| softmax(row)).collect()
    };
    let own = say(&network(0));
    let said: Vec<Vec<f32>> = teachers.iter().map(say).collect();
    let terms = own.iter().enumerate().map(|(at, q)| {
        let p = said.iter().map(|said| f64::from(said[at])).sum::<f64>() / said.len() as f64;
        -p * f64::from(*q).ln()
    });
    terms.sum::<f64>() / 8.0
}

#[test]
fn the_target_is_the_labels_and_the_teachers_mean() {
    let (one, two) = (network(1), network(2));
    let both = [member(&one), member(&two)];
    let labels = loss(&[], 0.5);
    let by_hand = cross_entropy(&[one, two]);
    let all = loss(&both, 1.0);
    assert!((all - by_hand).abs() < 1e-5, "{all}, not {by_hand}");
    let half = loss(&both, 0.5);
    assert!((half - (labels + all) / 2.0).abs() < 1e-5, "{half}");
    assert!((loss(&both, 0.0) - labels).abs() < 1e-6);
    // Not by chance: the two say different things, and others than the labels.
    assert!((all - labels).abs() > 1e-3 && (loss(&both[..1], 1.0) - all).abs() > 1e-4);
}

#[test]
fn a_student_comes_to_say_what_its_teacher_says() {
    let teacher = network(1);
    let teachers = Teachers::new(&[member(&teacher)], 1.0, 10, &Device::flex()).expect("it fits");
    let mut student = network(0);
    let far = cross_entropy(std::slice::from_ref(&teacher));
    let mut last = f64::NAN;
    for _ in 0..60 {
        let stats = block_on(teachers.step(&mut student, &batch(), false)).expect("flex computes");
        last = block_on(stats.read()).expect("flex reads").loss;
    }
    // What is left is the entropy of the teacher's answers.
    let (rows, _) = block_on(teacher.infer(&batch())).expect("flex computes");
    let entropy: f32 = rows
        .iter()
        .flat_map(|row| softmax(row))
        .map(|p| -p * p.ln() / 8.0)
        .sum();
    let (left, before) = (last - f64::from(entropy), far - f64::from(entropy));
    assert!(left < before / 5.0, "{left} of {before} is left");
}

#[test]
fn who_cannot_teach_is_refused() {
    let teacher = [member(&network(1))];
    let refused = |weight, classes| Teachers::new(&teacher, weight, classes, &Device::flex()).err();
    for weight in [-0.1, 1.1, f64::NAN] {
        let error = refused(weight, 10).expect("no share");
        assert!(matches!(error, TeacherError::Weight(_)), "{error}");
    }
    let error = refused(0.5, 100).expect("other classes").to_string();
    assert!(
        error.contains("10 classes") && error.contains("same data set"),
        "{error}"
    );
}
