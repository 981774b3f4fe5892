//! `cargo xtask COMMAND`: everything a developer runs.

use anyhow::{Result, bail};
use lexopt::prelude::*;
use std::process::ExitCode;
use xtask::server::Server;
use xtask::setup::{self, Purpose};
use xtask::suite::Group;
use xtask::{bench, data, site, suite};

const HELP: &str = "\
cargo xtask serve [--port 8080] [--no-build]   build the page and serve it on this machine
cargo xtask test [native|web|page]…            every test, or some groups of them
cargo xtask build [--quick]                    build the deployable site into dist/; --quick: only the CPU engine,
                                               large and slow, for looking at a change to the page
cargo xtask data [DIR]                         CIFAR shards beside the page, from DIR or downloaded
cargo xtask bench [--preset NAME] [--dataset NAME] [--batch N] [--steps N] [--gpu-steps N] [--peers] [--no-build]
                                               what the built page takes, in a headless browser
cargo xtask setup                              only find or install the tools

Each installs what is missing, and says so.
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = lexopt::Parser::from_env();
    let Some(Value(command)) = arguments.next()? else {
        print!("{HELP}");
        return Ok(());
    };
    match command.to_str() {
        Some("serve") => serve(arguments),
        Some("test") => test(arguments),
        Some("build") => {
            let kind = match arguments.next()? {
                Some(Long("quick")) => site::Kind::Quick,
                None => site::Kind::Whole,
                Some(other) => return Err(other.unexpected().into()),
            };
            nothing_more(arguments)?;
            setup::ensure(&[Purpose::Build])?;
            site::build(kind).map(|_| ())
        }
        // What `test` starts beside native checks.
        Some("ahead") => {
            nothing_more(arguments)?;
            suite::prepare_for_browsers()
        }
        Some("data") => {
            let mut folder = None;
            while let Some(argument) = arguments.next()? {
                match argument {
                    Value(path) if folder.is_none() => folder = Some(path.into()),
                    other => return Err(other.unexpected().into()),
                }
            }
            data::make(folder)
        }
        Some("bench") => bench(arguments),
        Some("setup") => {
            nothing_more(arguments)?;
            setup::ensure(&[
                Purpose::NativeTest,
                Purpose::Build,
                Purpose::BrowserTest,
                Purpose::PageTest,
            ])
        }
        Some("help") => {
            print!("{HELP}");
            Ok(())
        }
        _ => bail!("unknown command {command:?}\n\n{HELP}"),
    }
}

fn serve(mut arguments: lexopt::Parser) -> Result<()> {
    let (mut port, mut build) = (8080, true);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            Long("no-build") => build = false,
            other => return Err(other.unexpected().into()),
        }
    }
    let dist = if build {
        setup::ensure(&[Purpose::Build])?;
        site::build(site::Kind::Whole)?
    } else {
        site::dist()
    };
    if !dist.join("index.html").is_file() {
        bail!("{} holds no page; run without --no-build", dist.display());
    }
    let server = Server::site(&dist, port)?;
    println!("\nOpen {}/   (Ctrl+C ends)", server.origin());
    server.wait()
}

fn bench(mut arguments: lexopt::Parser) -> Result<()> {
    let mut plan = bench::Plan::default();
    let mut build = true;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("preset") => plan.preset = arguments.value()?.string()?,
            Long("dataset") => plan.dataset = arguments.value()?.string()?,
            Long("batch") => plan.batch = arguments.value()?.parse()?,
            Long("steps") => plan.cpu_steps = arguments.value()?.parse()?,
            Long("gpu-steps") => plan.gpu_steps = arguments.value()?.parse()?,
            Long("peers") => plan.peers = true,
            Long("no-build") => build = false,
            other => return Err(other.unexpected().into()),
        }
    }
    let mut purposes = vec![Purpose::BrowserTest];
    if build {
        purposes.push(Purpose::Build);
    }
    setup::ensure(&purposes)?;
    if build {
        site::build(site::Kind::Whole)?;
    }
    bench::run(&plan)
}

fn test(mut arguments: lexopt::Parser) -> Result<()> {
    let mut groups = Vec::new();
    while let Some(argument) = arguments.next()? {
        match &argument {
            Value(name) => match name.to_str().and_then(Group::from_name) {
                Some(group) => groups.push(group),
                None => bail!("{name:?} is none of native, web, page"),
            },
            _ => return Err(argument.unexpected().into()),
        }
    }
    if groups.is_empty() {
        groups = Group::ALL.to_vec();
    }
    suite::run_groups(&groups)
}

fn nothing_more(mut arguments: lexopt::Parser) -> Result<()> {
    match arguments.next()? {
        Some(argument) => Err(argument.unexpected().into()),
        None => Ok(()),
    }
}
