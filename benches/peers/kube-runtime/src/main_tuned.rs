//! kube-runtime with everything that its users are told to do for speed and memory, on jemalloc.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> anyhow::Result<()> {
    peer_kube_runtime::run(peer_kube_runtime::Tuning::Tuned)
}
