//! A bucket in memory that answers as S3 does, as far as `object_store`'s client asks: objects by path, conditional
//! creation, ranges, lists, deletions, and uploads in parts. It believes every signature.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::http::{Answer, Request};

/// As many names as S3 puts on one page of a list.
const PAGE: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct Bucket {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    /// Counts what has been written, for ETags and ids.
    written: u64,
}

#[derive(Clone, Debug)]
struct Object {
    bytes: Bytes,
    etag: String,
}

#[derive(Debug)]
struct Upload {
    key: String,
    parts: BTreeMap<u32, Object>,
}

/// What stands between the first pair of these tags from each start on, with the entities of XML resolved.
fn texts(xml: &str, tag: &str) -> Vec<String> {
    let close = format!("</{tag}>");
    let text = |piece: &str| {
        let text = piece.split_once(&close)?.0;
        let text =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
        Some(text.replace("&amp;", "&"))
    };
    xml.split(&format!("<{tag}>")).skip(1).filter_map(text).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Bucket {
    pub(crate) fn object(&self, key: &str) -> Option<Bytes> {
        self.objects.get(key).map(|object| object.bytes.clone())
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects.keys().cloned().collect()
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.uploads.len()
    }

    /// Puts an object there as somebody else would.
    pub(crate) fn insert(&mut self, key: &str, bytes: Bytes) {
        let object = self.version(bytes);
        self.objects.insert(key.to_owned(), object);
    }

    fn version(&mut self, bytes: Bytes) -> Object {
        self.written += 1;
        Object { bytes, etag: format!("\"version-{}\"", self.written) }
    }

    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let (path, query) = request.path_and_query();
        let value =
            |name: &str| query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        // "/bucket/key", or "/bucket" alone.
        let key = path.splitn(3, '/').nth(2).unwrap_or_default();
        match (request.method.as_str(), value("uploadId"), value("partNumber")) {
            ("PUT", Some(id), Some(number)) => self.put_part(id, number, request.body.clone()),
            ("POST", Some(id), _) => self.complete(id, &request.body),
            ("DELETE", Some(id), _) => match self.uploads.remove(id) {
                Some(_) => Answer::new(204, ""),
                None => Answer::error(404, "NoSuchUpload"),
            },
            ("POST", None, _) if value("uploads").is_some() => self.start(key),
            ("POST", None, _) if value("delete").is_some() => self.delete_many(&request.body),
            ("GET", None, _) if value("list-type") == Some("2") => {
                let after = value("continuation-token").or(value("start-after")).unwrap_or_default();
                self.list(value("prefix").unwrap_or_default(), after)
            }
            ("PUT", None, _) => self.put(key, request),
            ("GET" | "HEAD", None, _) => self.get(key, request),
            ("DELETE", None, _) => {
                self.objects.remove(key);
                Answer::new(204, "")
            }
            _ => Answer::error(501, "NotImplemented"),
        }
    }

    fn put(&mut self, key: &str, request: &Request) -> Answer {
        if request.header("if-none-match") == Some("*") && self.objects.contains_key(key) {
            return Answer::error(412, "PreconditionFailed");
        }
        let object = self.version(request.body.clone());
        self.objects.insert(key.to_owned(), object.clone());
        Answer::new(200, "").with("ETag", object.etag)
    }

    fn get(&self, key: &str, request: &Request) -> Answer {
        let Some(object) = self.objects.get(key) else { return Answer::error(404, "NoSuchKey") };
        let len = object.bytes.len();
        let found = |answer: Answer| {
            answer.with("ETag", &object.etag).with("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        };
        if request.method == "HEAD" {
            return found(Answer::new(200, "")).with("Content-Length", len.to_string());
        }
        let Some(range) = request.header("range") else {
            return found(Answer::new(200, object.bytes.clone()));
        };
        // Numbers that a signed one cannot hold are no range, as with most servers.
        let number =
            |digits: &str| digits.parse::<i64>().ok().and_then(|number| usize::try_from(number).ok());
        let range = range.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
        let range = match range {
            Some(("", suffix)) => number(suffix).map(|suffix| len.saturating_sub(suffix)..len),
            Some((start, "")) => number(start).map(|start| start..len),
            Some((start, last)) => {
                number(start).zip(number(last)).map(|(start, last)| start..len.min(last + 1))
            }
            None => None,
        };
        match range {
            Some(range) if range.start < range.end => {
                let shown = format!("bytes {}-{}/{len}", range.start, range.end - 1);
                found(Answer::new(206, object.bytes.slice(range))).with("Content-Range", shown)
            }
            _ => Answer::error(416, "InvalidRange"),
        }
    }

    fn list(&self, prefix: &str, after: &str) -> Answer {
        let mut listed =
            self.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after).peekable();
        let (mut contents, mut last) = (String::new(), "");
        for (key, object) in listed.by_ref().take(PAGE) {
            last = key;
            contents += &format!(
                "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                 <ETag>{}</ETag><Size>{}</Size></Contents>",
                escaped(key),
                object.etag,
                object.bytes.len()
            );
        }
        if listed.peek().is_some() {
            contents += &format!("<NextContinuationToken>{}</NextContinuationToken>", escaped(last));
        }
        Answer::new(200, format!("<ListBucketResult>{contents}</ListBucketResult>"))
    }

    fn delete_many(&mut self, body: &[u8]) -> Answer {
        let mut deleted = String::new();
        for key in texts(&String::from_utf8_lossy(body), "Key") {
            self.objects.remove(&key);
            deleted += &format!("<Deleted><Key>{}</Key></Deleted>", escaped(&key));
        }
        Answer::new(200, format!("<DeleteResult>{deleted}</DeleteResult>"))
    }

    fn start(&mut self, key: &str) -> Answer {
        self.written += 1;
        let id = format!("upload-{}", self.written);
        self.uploads.insert(id.clone(), Upload { key: key.to_owned(), parts: BTreeMap::new() });
        let result = "InitiateMultipartUploadResult";
        Answer::new(200, format!("<{result}><UploadId>{id}</UploadId></{result}>"))
    }

    fn put_part(&mut self, id: &str, number: &str, bytes: Bytes) -> Answer {
        let part = self.version(bytes);
        match (self.uploads.get_mut(id), number.parse()) {
            (Some(upload), Ok(number)) => {
                upload.parts.insert(number, part.clone());
                Answer::new(200, "").with("ETag", part.etag)
            }
            _ => Answer::error(404, "NoSuchUpload"),
        }
    }

    /// An upload can be completed once; S3 has been seen to answer 404 to the second time.
    fn complete(&mut self, id: &str, body: &[u8]) -> Answer {
        let Some(upload) = self.uploads.get(id) else { return Answer::error(404, "NoSuchUpload") };
        let body = String::from_utf8_lossy(body);
        let mut joined = Vec::new();
        for (number, etag) in texts(&body, "PartNumber").iter().zip(texts(&body, "ETag")) {
            match number.parse().ok().and_then(|number: u32| upload.parts.get(&number)) {
                Some(part) if part.etag == etag => joined.extend_from_slice(&part.bytes),
                _ => return Answer::error(400, "InvalidPart"),
            }
        }
        let key = upload.key.clone();
        let object = self.version(joined.into());
        self.uploads.remove(id);
        let result = "CompleteMultipartUploadResult";
        let answer = Answer::new(200, format!("<{result}><ETag>{}</ETag></{result}>", object.etag));
        self.objects.insert(key, object);
        answer
    }
}
