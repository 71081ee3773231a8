//! Lets the world of a scenario happen.

use std::sync::Arc;
use std::time::Duration;

use siftstream::Report;
use siftstream_server::{Endpoint, LocalServer, Times};
use turmoil::Sim;

use crate::client::Client;
use crate::line::Scissors;
use crate::oracle::{self, Judgement};
use crate::scenario::{Action, Disk, End, Scenario};
use crate::server;

/// A world that is not at rest by then, after the last thing that went wrong, never will be.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The names of the hosts.
const CLIENT: &str = "client";
const SERVER: &str = "server";

/// What came of a world.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What arrived, against what was promised.
    pub judgement: Judgement,
    /// How long the world lived.
    pub lived: Duration,
    /// Faults that happened.
    pub faults: u64,
    /// How many rows were accepted by the time that nothing more went wrong.
    pub accepted_amid_faults: u64,
    /// How often there was no room for a row.
    pub times_full: u64,
    /// What the last finish said.
    pub report: Option<Report>,
    /// What happened, in order.
    pub trace: Vec<String>,
}

/// Lets `scenario` happen on this thread.
pub fn run(scenario: &Scenario) -> Outcome {
    let mut world = World::new(scenario);
    world.live();
    world.outcome()
}

struct World<'a> {
    scenario: &'a Scenario,
    sim: Sim<'static>,
    client: Arc<Client>,
    endpoint: Endpoint,
    scissors: Scissors,
    client_runs: bool,
    faults: u64,
    accepted_amid_faults: u64,
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let mut sim = turmoil::Builder::new()
            .rng_seed(scenario.seed)
            .tick_duration(scenario.tick)
            .min_message_latency(scenario.latency.0)
            .max_message_latency(scenario.latency.1)
            .build();
        let scissors = Scissors::default();
        let endpoint = LocalServer::builder().keep_rows(true).endpoint();
        let host = (endpoint.clone(), scissors.clone());
        sim.host(SERVER, move || server::serve(host.0.clone(), host.1.clone()));
        let client = Client::new(scenario.clone(), scissors.clone());
        let host = Arc::clone(&client);
        sim.host(CLIENT, move || Arc::clone(&host).live());
        Self {
            scenario,
            sim,
            client,
            endpoint,
            scissors,
            client_runs: true,
            faults: 0,
            accepted_amid_faults: 0,
        }
    }

    fn live(&mut self) {
        let mut plan = self.scenario.plan.clone().into_iter().peekable();
        loop {
            while let Some(planned) = plan.next_if(|planned| planned.at <= self.sim.elapsed()) {
                self.act(planned.action);
            }
            if plan.peek().is_none() && !self.client.state().plan_is_over {
                self.end_plan();
            }
            if let Err(error) = self.sim.step() {
                self.client.state().promises.violation(format!("a host failed: {error}"));
                return;
            }
            self.listen();
            let last = self.scenario.plan.last().map_or(Duration::ZERO, |planned| planned.at);
            let mut state = self.client.state();
            if state.done {
                return;
            }
            if self.sim.elapsed() > last + PATIENCE {
                state.promises.violation(format!("nothing came to rest in {PATIENCE:?}"));
                return;
            }
        }
    }

    fn act(&mut self, action: Action) {
        let at = self.sim.elapsed();
        self.client.state().promises.note(at, format!("── {action:?}"));
        match action {
            Action::Partition => self.sim.partition(CLIENT, SERVER),
            Action::MuteClient => self.sim.partition_oneway(CLIENT, SERVER),
            Action::MuteServer => self.sim.partition_oneway(SERVER, CLIENT),
            Action::Hold => self.sim.hold(CLIENT, SERVER),
            Action::HealNetwork => return self.heal_network(),
            Action::Latency(most) => self.sim.set_max_message_latency(most.max(self.scenario.latency.0)),
            Action::CutConnections => self.scissors.cut(),
            Action::ServerFault(fault) => self.endpoint.inject(fault, Times::N(1)),
            Action::CrashServer => self.sim.crash(SERVER),
            Action::StartServer => return self.sim.bounce(SERVER),
            Action::KillClient => self.end_client(None),
            Action::PowerLoss(seed) => self.end_client(Some(seed)),
            Action::StartClient => return self.start_client(),
            Action::Reopen => self.client.state().reopen = true,
            Action::Disk(disk) => {
                self.set_disk(disk);
                if disk == Disk::Works {
                    return;
                }
            }
        }
        self.faults += 1;
    }

    fn heal_network(&mut self) {
        self.sim.repair(CLIENT, SERVER);
        self.sim.release(CLIENT, SERVER);
    }

    fn set_disk(&mut self, disk: Disk) {
        let mut state = self.client.state();
        state.disk_works = disk == Disk::Works;
        state.disk.fail_changes((disk == Disk::Fails).then_some(libc::EIO));
        state.disk.fail_syncs((disk == Disk::CannotSync).then_some(libc::EIO));
    }

    /// The client's process ends: killed, or with its machine's power.
    fn end_client(&mut self, power_loss: Option<u64>) {
        if !std::mem::take(&mut self.client_runs) {
            return;
        }
        self.listen();
        let stream = {
            let mut state = self.client.state();
            let stream = state.stream.take();
            let marks = stream.as_ref().map(|stream| stream.watermarks()).unwrap_or_default();
            match power_loss {
                None => state.promises.killed(marks),
                Some(_) => state.promises.lost_power(marks),
            }
            let at = self.sim.elapsed();
            state.promises.note(at, format!("died at {marks:?}"));
            // Taken before anything is dropped: what the drop of a stream still does, a dead process does not.
            let after = power_loss.map_or_else(|| state.disk.killed(), |seed| state.disk.crash(seed));
            state.disk = after;
            state.disk_works = true;
            stream
        };
        self.client.sockets.process_dies(true);
        self.sim.crash(CLIENT);
        self.client.sockets.process_dies(false);
        drop(stream);
    }

    fn start_client(&mut self) {
        if !std::mem::replace(&mut self.client_runs, true) {
            self.sim.bounce(CLIENT);
        }
    }

    /// Nothing more goes wrong.
    fn end_plan(&mut self) {
        self.accepted_amid_faults = self.client.state().promises.accepted();
        if self.scenario.ends == End::Healed {
            self.heal();
        }
        self.client.state().plan_is_over = true;
    }

    /// Ends all that is wrong.
    fn heal(&mut self) {
        let at = self.sim.elapsed();
        self.client.state().promises.note(at, "── everything heals".to_owned());
        self.heal_network();
        self.sim.set_max_message_latency(self.scenario.latency.1);
        self.endpoint.heal();
        if !self.sim.is_host_running(SERVER) {
            self.sim.bounce(SERVER);
        }
        self.set_disk(Disk::Works);
        self.start_client();
    }

    /// Takes note of what the stream tells.
    fn listen(&self) {
        let mut state = self.client.state();
        let Some(stream) = state.stream.clone() else { return };
        while let Some(event) = stream.events().poll() {
            state.promises.saw(self.sim.elapsed(), &event);
        }
    }

    fn outcome(self) -> Outcome {
        let received = self.endpoint.state();
        let mut state = self.client.state();
        let most_copies = oracle::most_copies(self.scenario);
        let mut must_arrive = state.promises.must_arrive();
        if self.scenario.ends != End::Healed {
            // The report says where they are.
            must_arrive.fill(false);
        }
        let mut judgement = oracle::judge(&received.kept_rows(), &must_arrive, most_copies);
        judgement.violations.append(&mut state.promises.violations);
        judgement.violations.extend(received.schema_errors().iter().map(ToString::to_string));
        let trace = std::mem::take(&mut state.promises.trace);
        let (times_full, report) = (state.times_full, state.report.take());
        let accepted_amid_faults = self.accepted_amid_faults;
        state.stream = None;
        drop(state);
        let lived = self.sim.elapsed();
        Outcome { judgement, lived, faults: self.faults, accepted_amid_faults, times_full, report, trace }
    }
}
