//! kube-runtime as it comes, on the system's allocator.

fn main() -> anyhow::Result<()> {
    peer_kube_runtime::run(peer_kube_runtime::Tuning::Default)
}
