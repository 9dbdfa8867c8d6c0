//! Who goes where there are to be fewer workers, and when that can be told.

use super::{Member, Roster};
use crate::driver::cause::Cause;
use crate::driver::launched::Launched;
use crate::launch::Key;
use crate::scheduler::WorkerId;
use std::collections::BTreeSet;

impl Roster {
    /// Whether the launcher has named all that were asked for, or could not start them.
    pub(in crate::driver) fn all_are_named(&self) -> bool {
        self.not_yet_started() == 0
    }

    /// Whether some that the launcher has not named yet may be too many.
    pub(in crate::driver) fn may_be_too_many(&self, target: u32) -> bool {
        !self.all_are_named() && self.lasting() > target
    }

    /// Chooses so many to go as there are to be fewer: those that wait to be started, the last ones first; then
    /// those that are there, those that hold least first. Who cannot be withdrawn before the launcher names it goes
    /// before who is there, and who is there unnamed is taken for one of those.
    pub(in crate::driver) fn choose(
        &mut self,
        target: u32,
        holds: impl Fn(WorkerId) -> usize,
    ) -> (BTreeSet<Key>, Vec<WorkerId>) {
        let unnamed = self.not_yet_started();
        let come = |launched: &&Launched| !launched.beside && launched.lasts() && !launched.known;
        let come = (self.launched.values().filter(come).count() as u32).min(unnamed);
        let surplus = (self.lasting() - come).saturating_sub(target) as usize;
        let waits = |launched: &Launched| launched.known && !launched.unwanted && launched.is_waiting();
        let waiting = self.launched.iter().rev().filter(|(_, launched)| waits(launched));
        let keys: BTreeSet<Key> = waiting.take(surplus).map(|(key, _)| key.clone()).collect();
        let stays =
            |worker: &WorkerId, member: &Member| !self.is_own(*worker) && self.launched[&member.key].stays();
        let here = self.members.iter().filter(|(worker, member)| stays(worker, member));
        let mut here: Vec<WorkerId> = here.map(|(&worker, _)| worker).collect();
        here.sort_by_key(|&worker| (holds(worker), std::cmp::Reverse(worker)));
        here.truncate((surplus - keys.len()).saturating_sub((unnamed - come) as usize));
        for worker in &here {
            let member = self.members.get_mut(worker).expect("just seen");
            member.drained = Some(Cause::Drained("fewer workers are wanted".to_owned()));
        }
        let of_members = here.iter().map(|worker| &self.members[worker].key);
        for key in of_members.chain(&keys) {
            self.launched.get_mut(key).expect("it was launched").unwanted = true;
        }
        (keys, here)
    }
}
