//! `element!` and `words!`: from one declaration the struct or enum, the table, reading and writing.

/// Declares an element: struct, table, reading and writing of its attributes. `with` names the fields that come
/// from text and children, `not_offered` the attributes that are known and not obeyed yet.
macro_rules! element {
    (
        $(#[$doc:meta])*
        $name:ident = $tag:literal, $nesting:expr => {
            $( $(#[$field_doc:meta])* $field:ident : $type:ty = $attribute:expr ; )*
        }
        $( with { $( $(#[$more_doc:meta])* $more:ident : $more_type:ty ; )* } )?
        $( not_offered { $( $absent:expr ; )* } )?
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_doc])* pub $field: $type, )*
            $($( $(#[$more_doc])* pub $more: $more_type, )*)?
        }

        impl $name {
            /// The element's table: what the parser, the writer, `chorus check` and the tests go by.
            pub const DECLARATION: $crate::declare::Declaration = $crate::declare::Declaration {
                name: $tag,
                nesting: $nesting,
                attributes: &[ $( $attribute, )* $($( $absent.not_offered(), )*)? ],
            };

            fn from_given(_given: &$crate::given::Given) -> Self {
                Self {
                    $( $field: $crate::field::Field::read(_given.text(&$attribute)), )*
                    $($( $more: Default::default(), )*)?
                }
            }

            /// The attributes of `node`, with warnings about them and about what stands inside it.
            pub(crate) fn open(node: roxmltree::Node<'_, '_>, reader: &mut $crate::warning::Reader<'_>) -> Self {
                let given = $crate::given::Given::read(node, &Self::DECLARATION, reader);
                Self::DECLARATION.check_nesting(node, reader);
                Self::from_given(&given)
            }

            /// The element with its attributes, still without text and children.
            #[allow(dead_code, reason = "an element that is folded into its parent is never written")]
            pub(crate) fn shell(&self) -> $crate::element::Element {
                $crate::element::Element::new($tag)
                    $( .with(&$attribute, $crate::field::Field::write(&self.$field)) )*
            }
        }

        impl Default for $name {
            /// As if no attribute had been given.
            fn default() -> Self {
                Self::from_given(&$crate::given::Given::NONE)
            }
        }
    };
}

/// Declares a closed set of words; the first is what an unknown one would be.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident {
            $(#[$first_doc:meta])* $first:ident = $first_word:literal,
            $( $(#[$variant_doc:meta])* $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[$doc])*
        #[derive(Copy, Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $(#[$first_doc])* $first,
            $( $(#[$variant_doc])* $variant, )*
        }

        impl $name {
            /// The words as Twilio writes them.
            pub const WORDS: &'static [&'static str] = &[$first_word $(, $word)*];

            /// The word as Twilio writes it.
            pub fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_word,
                    $( Self::$variant => $word, )*
                }
            }
        }

        impl $crate::field::Word for $name {
            fn parse(text: &str) -> Option<Self> {
                match text {
                    $first_word => Some(Self::$first),
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }
            fn spelt(self) -> &'static str {
                self.as_str()
            }
        }

        impl $crate::field::Field for $name {
            fn read(text: Option<&str>) -> Self {
                text.and_then(<Self as $crate::field::Word>::parse).unwrap_or(Self::$first)
            }
            fn write(&self) -> Option<alloc::string::String> {
                Some(alloc::string::String::from(self.as_str()))
            }
        }
    };
}
