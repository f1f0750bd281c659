//! What is asked of S3, and what may go wrong with it on the way.

use super::http::Request;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Put,
    StartUpload,
    PutPart,
    CompleteUpload,
    AbortUpload,
    Get,
    Head,
    List,
    Delete,
}

impl Kind {
    pub(crate) fn of(request: &Request) -> Self {
        let (_, query) = request.path_and_query();
        let has = |name: &str| query.iter().any(|(other, _)| other == name);
        match request.method.as_str() {
            "PUT" if has("partNumber") => Self::PutPart,
            "PUT" => Self::Put,
            "POST" if has("uploads") => Self::StartUpload,
            "POST" if has("uploadId") => Self::CompleteUpload,
            "DELETE" if has("uploadId") => Self::AbortUpload,
            "GET" if has("list-type") => Self::List,
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            _ => Self::Delete,
        }
    }

    pub(crate) fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::Head | Self::List)
    }
}

/// What goes wrong. "Before" is before the server has heard of the request, "after" is when it has done as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fault {
    /// 503 SlowDown, and nothing is done.
    SlowDown,
    /// The same, with a Retry-After of a second.
    SlowDownFor,
    /// 500, and nothing is done.
    ErrorBefore,
    /// 500, and it is done.
    ErrorAfter,
    /// The connection is reset, and nothing is done.
    ResetBefore,
    /// The connection is reset, and it is done.
    ResetAfter,
    /// The connection ends in good order without an answer, and it is done.
    CloseAfter,
    /// No answer comes, and nothing is done.
    StallBefore,
    /// No answer comes, and it is done.
    StallAfter,
    /// The answer stops after a few bytes of its body, and the connection stays open.
    SlowBody,
    /// The answer's body is shorter than it says, and the connection ends.
    ShortBody,
    /// 409, and nothing is done.
    Conflict,
    /// 412, and nothing is done.
    Precondition,
    /// 200 with an error in the body, and nothing is done.
    ErrorInBody,
    /// Something that is no HTTP, and nothing is done.
    Garbage,
    /// Another ETag than the last time.
    OtherEtag,
    /// 403 ExpiredToken, and nothing is done.
    Expired,
}

impl Fault {
    pub(crate) const ALL: [Self; 17] = [
        Self::SlowDown,
        Self::SlowDownFor,
        Self::ErrorBefore,
        Self::ErrorAfter,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::CloseAfter,
        Self::StallBefore,
        Self::StallAfter,
        Self::SlowBody,
        Self::ShortBody,
        Self::Conflict,
        Self::Precondition,
        Self::ErrorInBody,
        Self::Garbage,
        Self::OtherEtag,
        Self::Expired,
    ];

    /// Whether a request of this kind can go wrong in this way, and not just in one that another fault is already.
    pub(crate) fn applies_to(self, kind: Kind) -> bool {
        match self {
            // Reads change nothing.
            Self::ErrorAfter | Self::StallAfter => kind.writes(),
            Self::Conflict => kind.writes(),
            Self::Precondition => matches!(kind, Kind::Put | Kind::CompleteUpload),
            // Those whose answers have bodies.
            Self::SlowBody | Self::ShortBody => {
                matches!(kind, Kind::Get | Kind::List | Kind::StartUpload | Kind::CompleteUpload)
            }
            // An answer to HEAD has no body to hide it in.
            Self::ErrorInBody => !matches!(kind, Kind::Head | Kind::AbortUpload),
            Self::OtherEtag => matches!(kind, Kind::Get | Kind::Head),
            _ => true,
        }
    }

    /// Whether the server is asked.
    pub(crate) fn reaches_the_server(self) -> bool {
        matches!(
            self,
            Self::ErrorAfter
                | Self::ResetAfter
                | Self::CloseAfter
                | Self::StallAfter
                | Self::SlowBody
                | Self::ShortBody
                | Self::OtherEtag
        )
    }
}
