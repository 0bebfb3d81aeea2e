//! `package-client-credentials`: an archive with which `etcdctl` works from anywhere.

use std::path::Path;

use charm::host::{Command, Host};
use charm::prelude::*;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::addresses;
use crate::clients;
use crate::etcd::Credentials;
use crate::site::Site;
use crate::tls::files;

/// The user whose home directory `juju scp` starts in.
const USER: &str = "ubuntu";
const HOME: &str = "/home/ubuntu";
/// Both names that documentation has promised.
const NAMES: [&str; 2] = ["etcd_credentials.tar.gz", "etcd_client_credentials.tar.gz"];
/// The directory in the archive.
const TOP: &str = "etcd_credentials";

/// Writes the archive under both names, readable by nobody but the user who fetches it.
pub(crate) async fn package_client_credentials(ctx: &mut Context) -> Result<Outcome> {
    let host = ctx.host();
    let credentials = files::credentials(host.as_ref())?
        .ok_or_else(|| HandlerError::msg("this unit has no client certificate yet"))?;
    let site = Site::observe(ctx)?;
    let endpoints = endpoints(ctx, &site)?;
    let archive = archive(&credentials, &readme(&endpoints))?;
    for name in NAMES {
        let path = Path::new(HOME).join(name);
        host.write(&path, &archive, 0o600)?;
        give_to_user(ctx, host.as_ref(), &path)?;
    }
    let path = Path::new(HOME).join(NAMES[0]).display().to_string();
    let fetch = format!("juju scp {}:{path} .", ctx.unit());
    ctx.tools().action_set("path", &path)?;
    ctx.tools().action_set("command", &fetch)?;
    Ok(Outcome::Done)
}

/// The members as the cluster's clients know them, with the unit's public address first if it is another one.
fn endpoints(ctx: &mut Context, site: &Site) -> Result<Vec<String>> {
    let mut all = clients::endpoints(ctx, site)?;
    let public = ctx.tools().unit_get("public-address")?;
    let url = match public.parse() {
        Ok(address) => addresses::url(address, site.settings.port),
        Err(_) => format!("https://{public}:{}", site.settings.port),
    };
    if !all.contains(&url) {
        all.insert(0, url);
    }
    Ok(all)
}

fn readme(endpoints: &[String]) -> String {
    format!(
        "# etcd client credentials

Unpack the archive and run this in the directory that holds this file:

    export ETCDCTL_API=3
    export ETCDCTL_KEY=\"$(pwd)/client.key\"
    export ETCDCTL_CERT=\"$(pwd)/client.crt\"
    export ETCDCTL_CACERT=\"$(pwd)/ca.crt\"
    export ETCDCTL_ENDPOINTS={}
    etcdctl member list

From outside of the model, expose the application first (juju expose etcd) and keep
only endpoints that your machine can reach. Whoever holds client.key has full access to etcd.
",
        endpoints.join(",")
    )
}

/// The archive: `etcd_credentials/` with certificate, key, authority and README.
fn archive(credentials: &Credentials, readme: &str) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut top = tar::Header::new_gnu();
    top.set_entry_type(tar::EntryType::Directory);
    top.set_mode(0o700);
    top.set_size(0);
    tar.append_data(&mut top, format!("{TOP}/"), std::io::empty())?;
    for (name, content, mode) in [
        ("client.crt", credentials.cert.as_str(), 0o644),
        ("client.key", &credentials.key, 0o600),
        ("ca.crt", &credentials.ca, 0o644),
        ("README.txt", readme, 0o644),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, format!("{TOP}/{name}"), content.as_bytes())?;
    }
    tar.into_inner()?.finish()
}

/// On a machine with that user, the file is theirs.
fn give_to_user(ctx: &mut Context, host: &dyn Host, path: &Path) -> Result<()> {
    let users = host.read(Path::new("/etc/passwd"))?.unwrap_or_default();
    let prefix = format!("{USER}:");
    if !String::from_utf8_lossy(&users)
        .lines()
        .any(|line| line.starts_with(&prefix))
    {
        return Ok(());
    }
    let file = host.resolve(path).to_string_lossy().into_owned();
    let output = host.run(&Command::new("chown").arg(format!("{USER}:{USER}")).arg(file))?;
    if !output.success() {
        ctx.log(
            LogLevel::Warning,
            format!("cannot give {} to user {USER}", path.display()),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_archive_has_everything_below_one_directory() {
        let credentials = Credentials {
            ca: "CA".into(),
            cert: "CERT".into(),
            key: "KEY".into(),
        };
        let bytes = archive(&credentials, &readme(&["https://10.0.0.1:2379".into()])).unwrap();
        let mut unpacked = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut found = Vec::new();
        for entry in unpacked.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mode = entry.header().mode().unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((path, mode, text));
        }
        let names: Vec<&str> = found.iter().map(|(path, ..)| path.as_str()).collect();
        let expected =
            ["", "client.crt", "client.key", "ca.crt", "README.txt"].map(|name| format!("etcd_credentials/{name}"));
        assert_eq!(names, expected);
        assert_eq!((found[2].1, found[2].2.as_str()), (0o600, "KEY"));
        assert!(found[4].2.contains("ETCDCTL_ENDPOINTS=https://10.0.0.1:2379\n"));
        assert!(
            found[4].2.contains("\"$(pwd)/client.key\""),
            "the reader's directory, not the unit's"
        );
    }
}
