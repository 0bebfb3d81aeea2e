//! Real
use super::*;
/// Host.
#[derive(Debug, Default)]
pub struct RealHost;
impl Host for RealHost {
    fn resolve(&self, _path: &Path) -> PathBuf { unimplemented!() }
    fn exists(&self, _path: &Path) -> bool { unimplemented!() }
    fn read(&self, _path: &Path) -> Result<Option<Vec<u8>>, HostError> { unimplemented!() }
    fn write(&self, _path: &Path, _content: &[u8], _mode: u32) -> Result<bool, HostError> { unimplemented!() }
    fn create_dir(&self, _path: &Path, _mode: u32) -> Result<(), HostError> { unimplemented!() }
    fn rename(&self, _from: &Path, _to: &Path) -> Result<(), HostError> { unimplemented!() }
    fn remove(&self, _path: &Path) -> Result<(), HostError> { unimplemented!() }
    fn list(&self, _path: &Path) -> Result<Vec<String>, HostError> { unimplemented!() }
    fn run(&self, _command: &Command) -> Result<Output, HostError> { unimplemented!() }
    fn which(&self, _program: &str) -> Option<PathBuf> { unimplemented!() }
    fn hostname(&self) -> String { unimplemented!() }
    fn now(&self) -> SystemTime { unimplemented!() }
    fn sleep(&self, _duration: Duration) { unimplemented!() }
    fn install_packages(&self, _packages: &[&str]) -> Result<(), HostError> { unimplemented!() }
    fn service(&self, _name: &str, _action: ServiceAction) -> Result<(), HostError> { unimplemented!() }
    fn write_unit_file(&self, _name: &str, _content: &str) -> Result<bool, HostError> { unimplemented!() }
    fn service_state(&self, _name: &str) -> Result<ServiceState, HostError> { unimplemented!() }
}
impl RealHost {
    /// The machine that a hook's variables describe.
    pub fn from_vars<I: IntoIterator<Item = (String, String)>>(_vars: I) -> RealHost { unimplemented!() }
}
