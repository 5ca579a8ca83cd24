mod fairness;
mod health;
mod sticky;
mod update;

use std::time::Duration;

use ingress_core::policy::PortRef;

use super::members::is_untried;
use super::*;
use crate::upstream::balance::Draws;
use crate::upstream::{InFlight, Outcome};

const ROUND_ROBIN: Choice<'static> = Choice::Balance(Balance::RoundRobin);
const LEAST_REQUEST: Choice<'static> = Choice::Balance(Balance::LeastRequest);
const EWMA: Choice<'static> = Choice::Balance(Balance::Ewma);

fn target(number: usize) -> policy::Endpoint {
    policy::Endpoint::Address(format!("10.0.{}.{}:8080", number / 250, number % 250).parse().unwrap())
}

fn targets(numbers: impl IntoIterator<Item = usize>) -> Vec<policy::Endpoint> {
    numbers.into_iter().map(target).collect()
}

fn empty() -> Group {
    Group::new(&BackendRef::new("shop".into(), "web".into(), PortRef::Number(80)).into(), &Rc::default())
}

fn group(count: usize) -> Group {
    group_with(count, &config::Upstream::default())
}

fn group_with(count: usize, config: &config::Upstream) -> Group {
    let group = empty();
    group.update(&targets(0..count), config, 0);
    group
}

impl Group {
    fn all(&self) -> Vec<Rc<Endpoint>> {
        self.members.borrow().list.clone()
    }

    fn one(&self, choice: &Choice<'_>, draw: u64) -> Rc<Endpoint> {
        self.pick(choice, &[], 0, draw).expect("there is one")
    }

    fn at(&self, number: usize) -> Rc<Endpoint> {
        let target = target(number);
        self.all().into_iter().find(|endpoint| endpoint.target == target).expect("it is there")
    }

    /// How often each is picked, in the order of their targets.
    fn count(&self, choice: &Choice<'_>, now: u64, draws: std::ops::Range<u64>) -> Vec<usize> {
        let all = self.all();
        let mut counts = vec![0; all.len()];
        for draw in draws {
            let picked = self.pick(choice, &[], now, draw).expect("there is one");
            counts[all.iter().position(|endpoint| Rc::ptr_eq(endpoint, &picked)).unwrap()] += 1;
        }
        counts
    }
}

fn fail(endpoint: &Rc<Endpoint>, started: u64, now: u64) {
    Rc::clone(endpoint).begin(started).report(Outcome::Failure, Duration::from_millis(now - started), now);
}

fn serve(endpoint: &Rc<Endpoint>, started: u64, latency: Duration, now: u64) {
    Rc::clone(endpoint).begin(started).report(Outcome::Success, latency, now);
}

fn begin(endpoint: &Rc<Endpoint>, now: u64) -> InFlight {
    Rc::clone(endpoint).begin(now)
}
