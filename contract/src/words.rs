//! An enum whose values are words that others read: a column, a wire, a log.

/// Declares such an enum: `word()` gives the word, `from_word()` the value, `ALL` all of them.
#[macro_export]
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$meaning:meta])* $value:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$meaning])* $value),+
        }

        impl $name {
            /// All of them, in the order in which documents list them.
            pub const ALL: &'static [$name] = &[$($name::$value),+];

            /// The word.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $($name::$value => $word),+
                }
            }

            /// What a word means; `None` when it is none of these.
            #[must_use]
            pub fn from_word(word: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }
    };
}
