//! The system's message bus, and the questions asked on it:
//! <https://dbus.freedesktop.org/doc/dbus-specification.html>.

use std::time::Duration;

use common::error::{CollectError, ParseError};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use zbus::connection::Builder;
use zbus::message::Body;
use zbus::{Connection, OwnedVariant, Variant, fdo};

/// How long all questions of one scrape may take together.
const DEADLINE: Duration = Duration::from_secs(5);

/// Questions that wait for their answers at the same time.
const AT_ONCE: usize = 32;

/// Where the bus is unless the environment says otherwise.
const SYSTEM_BUS: &str = "unix:path=/var/run/dbus/system_bus_socket";

/// Does `work` on a bus, which may never answer.
///
/// # Errors
/// Those of `work`, and [`CollectError::Timeout`] after five seconds.
pub async fn within_deadline<T>(
    work: impl Future<Output = Result<T, CollectError>>,
) -> Result<T, CollectError> {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.unwrap_or(Err(CollectError::Timeout(DEADLINE)))
}

/// Answers in the order of the questions, of which many are under way at once.
pub async fn ask_all<T>(questions: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    stream::iter(questions).buffered(AT_ONCE).collect().await
}

/// A connection; it is made for one scrape and ends when it is dropped.
#[derive(Debug)]
pub struct Bus(Connection);

/// An object of a service on the bus.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    bus: &'a Bus,
    service: &'a str,
    path: &'a str,
}

impl Bus {
    /// Connects to the first of the addresses in `DBUS_SYSTEM_BUS_ADDRESS` that
    /// can be reached, or to the usual socket if there is no such variable.
    ///
    /// # Errors
    /// [`CollectError::Query`] naming the last address.
    pub async fn system() -> Result<Self, CollectError> {
        let addresses = std::env::var("DBUS_SYSTEM_BUS_ADDRESS");
        let addresses = addresses.as_deref().unwrap_or(SYSTEM_BUS);
        let mut connected = Err(CollectError::query("connect", &"no address of the bus"));
        for address in addresses.split(';').filter(|address| !address.is_empty()) {
            connected = Self::connect(address, Builder::address(address)).await;
            if connected.is_ok() {
                break;
            }
        }
        connected
    }

    /// Connects to a service that listens at `address` without a bus between.
    ///
    /// # Errors
    /// [`CollectError::Query`] naming the address.
    pub async fn peer(address: &str) -> Result<Self, CollectError> {
        Self::connect(address, Builder::address(address).p2p()).await
    }

    async fn connect(address: &str, builder: Builder<'_>) -> Result<Self, CollectError> {
        let connected = builder.build().await.map_err(|error| {
            let statement = format!("connect to {address}");
            match error {
                zbus::Error::Connection(reason, _) => CollectError::query(statement, &reason),
                other => CollectError::query(statement, &other),
            }
        });
        connected.map(Self)
    }

    /// The object at `path` of `service`.
    pub fn object<'a>(&'a self, service: &'a str, path: &'a str) -> Object<'a> {
        Object { bus: self, service, path }
    }
}

impl Object<'_> {
    /// Calls a method without arguments.
    ///
    /// # Errors
    /// [`CollectError::Query`] if the connection or the service fails.
    pub async fn call(&self, interface: &str, method: &str) -> Result<Body, CollectError> {
        let Self { bus, service, path } = *self;
        let reply = bus.0.call_method(Some(service), path, Some(interface), method, &()).await;
        reply
            .map(|reply| reply.body())
            .map_err(|error| CollectError::query(format!("{interface}.{method}"), &error))
    }

    /// Value of a text property, or `None` if the object has no such property.
    ///
    /// # Errors
    /// [`CollectError::Query`] if the connection or the service fails,
    /// [`CollectError::Parse`] if the property is of another type.
    pub async fn text(
        &self,
        interface: &str,
        property: &str,
    ) -> Result<Option<String>, CollectError> {
        self.property(interface, property, |value| match value {
            Variant::Str(text) => Some(text.to_string()),
            _ => None,
        })
        .await
    }

    /// Value of a property that is an unsigned number of any width; else as [`Self::text`].
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn number(
        &self,
        interface: &str,
        property: &str,
    ) -> Result<Option<u64>, CollectError> {
        self.property(interface, property, |value| match value {
            Variant::U16(number) => Some(u64::from(*number)),
            Variant::U32(number) => Some(u64::from(*number)),
            Variant::U64(number) => Some(*number),
            _ => None,
        })
        .await
    }

    /// Value of a property that is true or false; else as [`Self::text`].
    ///
    /// # Errors
    /// As [`Self::text`].
    pub async fn truth(
        &self,
        interface: &str,
        property: &str,
    ) -> Result<Option<bool>, CollectError> {
        self.property(interface, property, |value| match value {
            Variant::Bool(truth) => Some(*truth),
            _ => None,
        })
        .await
    }

    async fn property<T>(
        &self,
        interface: &str,
        property: &str,
        read: fn(&Variant<'_>) -> Option<T>,
    ) -> Result<Option<T>, CollectError> {
        const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
        let Self { bus, service, path } = *self;
        let origin = || format!("{interface}.{property} of {path}");
        let name = (interface, property);
        let reply = bus.0.call_method(Some(service), path, Some(PROPERTIES), "Get", &name).await;
        let body = match reply {
            Ok(reply) => reply.body(),
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(CollectError::query(origin(), &error)),
        };
        let value: OwnedVariant =
            body.deserialize().map_err(|error| malformed(origin(), &error))?;
        let known = read(&value).ok_or_else(|| {
            let error = format!("unexpected type {}", value.value_signature());
            malformed(origin(), &error)
        });
        known.map(Some)
    }
}

/// An answer that is not of the documented type.
pub fn malformed(origin: impl Into<String>, error: &dyn std::fmt::Display) -> CollectError {
    CollectError::Parse { origin: origin.into(), source: ParseError::Form(error.to_string()) }
}

/// True if the service answers that it has no such object or property: a unit has
/// gone since the list was made, or the release is too old.
fn is_absence(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::FDO(error) => matches!(
            **error,
            fdo::Error::UnknownObject(_)
                | fdo::Error::UnknownInterface(_)
                | fdo::Error::UnknownProperty(_)
                | fdo::Error::UnknownMethod(_)
                | fdo::Error::InvalidArgs(_)
        ),
        // The service's own errors, such as org.freedesktop.systemd1.NoSuchUnit.
        zbus::Error::MethodError(..) => true,
        _ => false,
    }
}
