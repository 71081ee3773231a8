//! The calls with which every builder starts its stream.

/// Gives a builder these calls; its own `start` does the work.
macro_rules! build_methods {
    ($builder:ty, $transport:ty) => {
        impl $builder {
            /// Starts the stream: registers its schema, or takes its slot on disk.
            pub async fn build(
                self,
            ) -> $crate::Result<$crate::SiftStream<$crate::IngestionConfigEncoder, $transport>> {
                let runtime = $crate::seams::runtime::StreamRuntime::start(self.config.base.runs_on)?;
                let handle = runtime.handle();
                handle.run(self.start(runtime)).await
            }

            /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
            pub fn build_blocking(
                self,
                timeout: std::time::Duration,
            ) -> $crate::Result<$crate::SiftStream<$crate::IngestionConfigEncoder, $transport>> {
                let runtime = $crate::seams::runtime::StreamRuntime::start(self.config.base.runs_on)?;
                let handle = runtime.handle();
                handle.run_blocking(self.start(runtime), timeout)
            }

            /// The same as [`build`](Self::build), as the type that streams of all modes share, for callers who choose
            /// the mode at run time.
            pub async fn build_any(
                self,
            ) -> $crate::Result<$crate::SiftStream<$crate::IngestionConfigEncoder, $crate::AnyTransport>>
            {
                let runtime = $crate::seams::runtime::StreamRuntime::start(self.config.base.runs_on)?;
                let handle = runtime.handle();
                handle.run(self.start(runtime)).await
            }

            /// The same for callers without a runtime: blocks the calling thread for at most `timeout`.
            pub fn build_any_blocking(
                self,
                timeout: std::time::Duration,
            ) -> $crate::Result<$crate::SiftStream<$crate::IngestionConfigEncoder, $crate::AnyTransport>>
            {
                let runtime = $crate::seams::runtime::StreamRuntime::start(self.config.base.runs_on)?;
                let handle = runtime.handle();
                handle.run_blocking(self.start(runtime), timeout)
            }
        }
    };
}
pub(super) use build_methods;
