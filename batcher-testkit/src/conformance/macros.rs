//! One test for each rule.

/// Makes a module with one `#[test]` for each rule of [`sink`](crate::conformance::sink), under the rule's name.
///
/// Takes the module's name and either an expression that gives a new store, which is then run on
/// [`block_on`](crate::block_on) and [on threads](crate::conformance::SinkOptions::on_threads), or a closure from a [`SinkRule`](crate::conformance::SinkRule) to its
/// [`Finding`](crate::conformance::Finding). Both see what the module around the call sees. The
/// [module's documentation](crate::conformance) has an example of each.
#[macro_export]
macro_rules! sink_conformance {
    ($module:ident, |$rule:ident| $finding:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the closure may need none of them")]
            use super::*;

            fn finding($rule: $crate::conformance::SinkRule) -> $crate::conformance::Finding {
                $finding
            }

            $crate::__sink_rules!(tests);
        }
    };
    ($module:ident, $store:expr) => {
        $crate::sink_conformance!($module, |rule| {
            let options = $crate::conformance::SinkOptions::default().on_threads();
            $crate::block_on(rule.check(&$store, &options))
        });
    };
}

/// Makes a module with one `#[test]` for each rule of [`codec`](crate::conformance::codec()), under the rule's name.
///
/// Takes the module's name and either an expression that gives a new codec, or a closure from a
/// [`CodecRule`](crate::conformance::CodecRule) to its [`Finding`](crate::conformance::Finding). Both see what the
/// module around the call sees. The [module's documentation](crate::conformance) has an example of each.
#[macro_export]
macro_rules! codec_conformance {
    ($module:ident, |$rule:ident| $finding:expr) => {
        mod $module {
            #[allow(unused_imports, reason = "the closure may need none of them")]
            use super::*;

            fn finding($rule: $crate::conformance::CodecRule) -> $crate::conformance::Finding {
                $finding
            }

            $crate::__codec_rules!(tests);
        }
    };
    ($module:ident, $codec:expr) => {
        $crate::codec_conformance!($module, |rule| {
            rule.check(|| $codec, &$crate::conformance::CodecOptions::default())
        });
    };
}
