//! Owns the report of runs that the end of their controller cut off.
//!
//! Nothing is lost with them: what they worked on is in the cluster, and the next start sees it again.

use super::engine::Engine;
use super::watchdog::UnderWay;

impl Engine {
    /// Names the runs that are still under way, and says how much was queued behind them. Their workers are aborted.
    pub(super) fn tell_of_aborted(&self) {
        let runs: Vec<_> = self.seats.lock().iter().filter_map(|seat| seat.under_way()).collect();
        if runs.is_empty() {
            return;
        }
        let controller = self.name();
        for UnderWay { key, callback, .. } in &runs {
            tracing::warn!(controller, %key, callback, "{callback} was aborted: it had not ended within the controller's `shutdown`");
        }
        let (aborted, queued) = (runs.len(), self.state.lock().ledger.depth().ready.iter().sum::<usize>());
        tracing::warn!(
            controller,
            aborted,
            queued,
            "{aborted} callbacks were aborted; the next start sees their objects again"
        );
    }
}
