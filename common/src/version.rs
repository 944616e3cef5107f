//! Which build this is.

/// Facts recorded when the program was compiled; `unknown` where they could not be found.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// Version of the workspace.
    pub version: &'static str,
    /// Commit.
    pub revision: &'static str,
    /// Branch.
    pub branch: &'static str,
    /// Compiler and its version.
    pub compiler: &'static str,
    /// Processor, in Go's words (`amd64`, `arm64`), which dashboards know.
    pub architecture: &'static str,
}

/// This build.
pub const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: env!("BUILD_REVISION"),
    branch: env!("BUILD_BRANCH"),
    compiler: env!("BUILD_COMPILER"),
    architecture: if cfg!(target_arch = "x86_64") {
        "amd64"
    } else if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        std::env::consts::ARCH
    },
};

impl Build {
    /// What `--version` prints behind the program's name.
    pub(crate) fn text(&self) -> String {
        format!(
            "{} (branch: {}, revision: {})\n  compiler: {}\n  platform: {}/{}",
            self.version,
            self.branch,
            self.revision,
            self.compiler,
            std::env::consts::OS,
            self.architecture
        )
    }
}
