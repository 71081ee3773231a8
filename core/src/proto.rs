//! Sift's messages, generated from `core/proto`.

#![allow(missing_docs, clippy::doc_markdown)]

/// Declares a nested module around one generated package.
macro_rules! package {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}

pub mod sift {
    pub mod ping {
        pub mod v1 {
            package!("sift.ping.v1");
        }
    }
    pub mod ingest {
        pub mod v1 {
            package!("sift.ingest.v1");
        }
    }
    pub mod ingestion_configs {
        pub mod v2 {
            package!("sift.ingestion_configs.v2");
        }
    }
    pub mod assets {
        pub mod v1 {
            package!("sift.assets.v1");
        }
    }
    pub mod runs {
        pub mod v2 {
            package!("sift.runs.v2");
        }
    }
    pub mod metadata {
        pub mod v1 {
            package!("sift.metadata.v1");
        }
    }
    pub mod common {
        pub mod r#type {
            pub mod v1 {
                package!("sift.common.r#type.v1");
            }
        }
    }
}
