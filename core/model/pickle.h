#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace ptk::model {

/// A value of a pickle. Nothing but plain data is ever built: a name of a class or function stays a name, and what it
/// would have made an opaque placeholder.
struct PickleValue {
    enum class Kind {
        None,
        Bool,    ///< integer
        Int,     ///< integer
        Float,   ///< number
        Text,    ///< text
        Bytes,   ///< text; also whole numbers of more than 64 bits, little-endian
        List,    ///< items
        Tuple,   ///< items
        Set,     ///< items
        Dict,    ///< items: key, value, key, value ...
        Storage, ///< items of a persistent identifier of torch.save: "storage", type, key, location, elements
        Tensor,  ///< items of its construction: storage, offset, sizes, strides ...
        Global,  ///< text: "module.name"
        Opaque,  ///< text: the name of the global that would have made it
    };
    Kind kind = Kind::None;
    std::int64_t integer = 0;
    double number = 0;
    std::string text{};
    std::vector<const PickleValue*> items{}; ///< may form cycles

    /// The value of a text key of a dict; null when there is none, or this is no dict.
    const PickleValue* find(std::string_view key) const;
};

/// "a dict", "a tensor", "an object of 'module.name'".
std::string describe(const PickleValue& value);

/// A text of a file as it may stand in a message: short and printable.
std::string printable(std::string_view text);

struct Pickle {
    std::deque<PickleValue> values{}; ///< owns all values
    const PickleValue* root = nullptr;
    std::vector<std::string> foreign{}; ///< globals other than those of tensors and plain containers, in order
    std::size_t size = 0;               ///< bytes up to and with the end of the pickle
};

/// Read one pickle (protocols 2 to 5) from the beginning of @p bytes. Memory is at most proportional to its length. Of
/// globals only the constructions of torch.save and of plain containers mean something; no other is looked up or
/// called.
/// @param where  begins messages
/// @throws Error(Format) truncated, damaged, or with instructions that data do not need
/// Source: Python's pickletools; PyTorch's serialization notes.
Pickle read_pickle(std::string_view bytes, const std::string& where);

} // namespace ptk::model
