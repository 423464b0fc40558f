//! A row as two JSON objects in one pass: what may be read in the file, and what is encrypted. A row is written several times in a
//! call; to make a tree of it first and text of the tree afterwards costs three times as much.

use serde::ser::{Error, Impossible, Serialize, SerializeMap, SerializeStruct, Serializer};

type Failed = serde_json::Error;

/// The two texts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Halves {
    /// In the clear.
    pub body: String,
    /// To be encrypted; None if the row holds no secret.
    pub secret: Option<String>,
}

impl Halves {
    /// Of a row: fields of `secrets` go into the secret half, those that are null into none.
    ///
    /// # Errors
    /// It is no struct, or a field is no JSON.
    pub fn of(row: &impl Serialize, secrets: &'static [&'static str]) -> Result<Halves, serde_json::Error> {
        row.serialize(Split { secrets, body: vec![], secret: vec![], field: vec![], key: String::new() })
    }
}

struct Split {
    secrets: &'static [&'static str],
    body: Vec<u8>,
    secret: Vec<u8>,
    /// The field that is being written.
    field: Vec<u8>,
    /// Of a map.
    key: String,
}

impl Split {
    fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Failed> {
        self.field.clear();
        serde_json::to_writer(&mut self.field, value)?;
        // Most fields of most rows are empty; one that is missing is read as one that is.
        if self.field == b"null" {
            return Ok(());
        }
        let half = if self.secrets.contains(&name) { &mut self.secret } else { &mut self.body };
        half.push(if half.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut *half, name)?;
        half.push(b':');
        half.append(&mut self.field);
        Ok(())
    }

    fn finish(mut self) -> Result<Halves, Failed> {
        if self.body.is_empty() {
            self.body.push(b'{');
        }
        self.body.push(b'}');
        let text = |octets| String::from_utf8(octets).map_err(Failed::custom);
        let secret = match self.secret.is_empty() {
            true => None,
            false => {
                self.secret.push(b'}');
                Some(text(self.secret)?)
            }
        };
        Ok(Halves { body: text(self.body)?, secret })
    }
}

impl SerializeStruct for Split {
    type Ok = Halves;
    type Error = Failed;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Failed> {
        self.field(key, value)
    }

    fn end(self) -> Result<Halves, Failed> {
        self.finish()
    }
}

/// A struct with a flattened field comes as a map.
impl SerializeMap for Split {
    type Ok = Halves;
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failed> {
        let key = serde_json::to_value(key)?;
        self.key = key.as_str().ok_or_else(|| Failed::custom("a key is no text"))?.to_owned();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failed> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<Halves, Failed> {
        self.finish()
    }
}

fn other<T>() -> Result<T, Failed> {
    Err(Failed::custom("a row is a struct"))
}

macro_rules! no_row {
    ($($name:ident($($of:ty),*) -> $to:ty;)*) => {
        $(fn $name(self, $(_: $of),*) -> Result<$to, Failed> { other() })*
    };
}

type No = Impossible<Halves, Failed>;

impl Serializer for Split {
    type Ok = Halves;
    type Error = Failed;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = Split;
    type SerializeStruct = Split;
    type SerializeStructVariant = No;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Split, Failed> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Split, Failed> {
        Ok(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Halves, Failed> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        v: &T,
    ) -> Result<Halves, Failed> {
        v.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Halves, Failed> {
        other()
    }

    no_row! {
        serialize_bool(bool) -> Halves;
        serialize_i8(i8) -> Halves;
        serialize_i16(i16) -> Halves;
        serialize_i32(i32) -> Halves;
        serialize_i64(i64) -> Halves;
        serialize_u8(u8) -> Halves;
        serialize_u16(u16) -> Halves;
        serialize_u32(u32) -> Halves;
        serialize_u64(u64) -> Halves;
        serialize_f32(f32) -> Halves;
        serialize_f64(f64) -> Halves;
        serialize_char(char) -> Halves;
        serialize_str(&str) -> Halves;
        serialize_bytes(&[u8]) -> Halves;
        serialize_none() -> Halves;
        serialize_unit() -> Halves;
        serialize_unit_struct(&'static str) -> Halves;
        serialize_unit_variant(&'static str, u32, &'static str) -> Halves;
        serialize_seq(Option<usize>) -> No;
        serialize_tuple(usize) -> No;
        serialize_tuple_struct(&'static str, usize) -> No;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No;
    }
}
