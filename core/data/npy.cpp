#include "data/npy.h"

#include "base/error.h"
#include "base/shape.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cctype>
#include <cstring>
#include <limits>
#include <map>
#include <string_view>

namespace ptk::data {

namespace {

constexpr std::string_view magic{"\x93NUMPY", 6};
constexpr std::uint32_t largest_header = 1 << 20;

/// The dictionary literal of a header: strings, True/False and tuples of whole numbers; nothing is evaluated.
class HeaderText {
public:
    HeaderText(std::string_view text, const std::string& where) : text_(text), where_(where) {}

    Npz::Header parse()
    {
        expect('{');
        while (!accept('}')) {
            item();
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        skip_space();
        if (at_ != text_.size())
            damaged("text after the dictionary");
        if (!has_type_ || !has_order_ || !has_shape_)
            damaged("'descr', 'fortran_order' or 'shape' is missing");
        return std::move(header_);
    }

private:
    void item()
    {
        const auto key = string();
        expect(':');
        if (key == "descr") {
            header_.type = type();
            has_type_ = true;
        } else if (key == "fortran_order") {
            header_.fortran_order = boolean();
            has_order_ = true;
        } else if (key == "shape") {
            header_.shape = shape();
            has_shape_ = true;
        } else {
            damaged("unknown key '" + key + "'");
        }
    }

    std::string type()
    {
        skip_space();
        return at_ < text_.size() && text_[at_] == '[' ? record() : string();
    }

    /// The list of a record type, as it stands there: it is shown, not understood.
    std::string record()
    {
        const auto begin = at_;
        int depth = 0;
        do {
            if (at_ >= text_.size())
                damaged("a list does not end");
            depth += text_[at_] == '[' ? 1 : text_[at_] == ']' ? -1 : 0;
            ++at_;
        } while (depth > 0);
        return std::string(text_.substr(begin, at_ - begin));
    }

    std::string string()
    {
        skip_space();
        if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"'))
            damaged("expected a quoted text");
        const auto end = text_.find(text_[at_], at_ + 1);
        if (end == std::string_view::npos)
            damaged("a text does not end");
        std::string value(text_.substr(at_ + 1, end - at_ - 1));
        at_ = end + 1;
        return value;
    }

    bool boolean()
    {
        skip_space();
        for (const std::string_view word : {"True", "False"})
            if (text_.substr(at_).starts_with(word)) {
                at_ += word.size();
                return word == "True";
            }
        damaged("expected True or False");
    }

    std::vector<std::int64_t> shape()
    {
        std::vector<std::int64_t> sides;
        expect('(');
        while (!accept(')')) {
            sides.push_back(number());
            if (!accept(',')) {
                expect(')');
                break;
            }
        }
        check_product(sides);
        return sides;
    }

    std::int64_t number()
    {
        skip_space();
        std::int64_t value = 0;
        const auto begin = at_;
        for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])); ++at_)
            if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value))
                damaged("a length is too large");
        if (at_ == begin)
            damaged("expected a length");
        if (at_ < text_.size() && text_[at_] == 'L') // Python 2 wrote long integers so
            ++at_;
        return value;
    }

    void check_product(const std::vector<std::int64_t>& sides)
    {
        std::int64_t product = 16; // bytes of the largest type
        if (sides.size() > 32)
            damaged("more than 32 axes");
        for (const auto side : sides)
            if (__builtin_mul_overflow(product, std::max<std::int64_t>(side, 1), &product))
                damaged("the shape is too large");
    }

    void skip_space()
    {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])))
            ++at_;
    }

    bool accept(char wanted)
    {
        skip_space();
        if (at_ >= text_.size() || text_[at_] != wanted)
            return false;
        ++at_;
        return true;
    }

    void expect(char wanted)
    {
        if (!accept(wanted))
            damaged(std::string("expected '") + wanted + "'");
    }

    [[noreturn]] void damaged(const std::string& what) const
    {
        fail(Status::Format, "{}: damaged NPY header: {} at character {}", where_, what, at_);
    }

    std::string_view text_;
    const std::string& where_;
    std::size_t at_ = 0;
    Npz::Header header_;
    bool has_type_ = false, has_order_ = false, has_shape_ = false;
};

/// A NumPy type: bytes in the file, our type for the same bytes (wide unsigned numbers under the signed name) and what
/// comes out.
struct NumberType {
    std::int64_t item_bytes;
    std::int64_t swap_bytes; ///< unit of the byte order: half an item for complex numbers
    at::ScalarType stored;
    at::ScalarType result;
};

const std::map<std::string_view, NumberType>& number_types()
{
    static const std::map<std::string_view, NumberType> types{
        {"b1", {1, 1, at::kByte, at::kByte}},
        {"u1", {1, 1, at::kByte, at::kByte}},
        {"i1", {1, 1, at::kChar, at::kChar}},
        {"u2", {2, 2, at::kUInt16, at::kUInt16}},
        {"i2", {2, 2, at::kShort, at::kShort}},
        {"u4", {4, 4, at::kInt, at::kLong}},
        {"i4", {4, 4, at::kInt, at::kInt}},
        {"u8", {8, 8, at::kLong, at::kLong}},
        {"i8", {8, 8, at::kLong, at::kLong}},
        {"f2", {2, 2, at::kHalf, at::kFloat}},
        {"f4", {4, 4, at::kFloat, at::kFloat}},
        {"f8", {8, 8, at::kDouble, at::kDouble}},
        {"c8", {8, 4, at::kComplexFloat, at::kComplexFloat}},
        {"c16", {16, 8, at::kComplexDouble, at::kComplexDouble}},
    };
    return types;
}

std::string_view without_order(std::string_view type)
{
    return !type.empty() && std::strchr("<>=|", type.front()) != nullptr ? type.substr(1) : type;
}

bool needs_swap(std::string_view type)
{
    const char foreign = std::endian::native == std::endian::little ? '>' : '<';
    return type.starts_with(foreign);
}

void refuse_objects(const Npz::Header& header, const std::string& where)
{
    require(without_order(header.type).substr(0, 1) != "O", Status::Format,
            "{}: is an object array (pickle), which could run code and is not read; save plain numbers or text", where);
}

const NumberType& number_type(const Npz::Header& header, const std::string& where)
{
    refuse_objects(header, where);
    require(!header.type.starts_with('['), Status::Format, "{}: is an array of records; expected plain numbers", where);
    const auto found = number_types().find(without_order(header.type));
    require(found != number_types().end(), Status::Format,
            "{}: has type '{}'; expected booleans, whole, real or complex numbers of 1 to 16 bytes", where,
            header.type);
    return found->second;
}

std::int64_t product(const std::vector<std::int64_t>& shape)
{
    std::int64_t result = 1;
    for (const auto side : shape)
        result *= side;
    return result;
}

void check_size(const NpyBytes& bytes, const NpyLayout& layout, std::int64_t item_bytes)
{
    const auto wanted = static_cast<std::uint64_t>(product(layout.header.shape) * item_bytes);
    const auto present = bytes.size - layout.data_offset;
    require(wanted == present, Status::Format,
            "{}: shape {} of '{}' needs {} bytes, but there are {} (truncated or damaged)", bytes.where,
            base::shape_text(layout.header.shape), layout.header.type, wanted, present);
}

void swap_bytes(void* data, std::int64_t bytes, std::int64_t unit)
{
    auto* first = static_cast<std::uint8_t*>(data);
    if (unit > 1)
        for (auto* item = first; item < first + bytes; item += unit)
            std::reverse(item, item + unit);
}

/// A 32-bit unsigned number as int64: its bytes were read as int32.
at::Tensor widen_unsigned(const at::Tensor& stored)
{
    return stored.to(at::kLong).bitwise_and_(std::int64_t{0xffffffff});
}

at::Tensor reversed_axes(const at::Tensor& array)
{
    std::vector<std::int64_t> axes(static_cast<std::size_t>(array.dim()));
    for (std::size_t i = 0; i < axes.size(); ++i)
        axes[i] = array.dim() - 1 - static_cast<std::int64_t>(i);
    return array.permute(axes);
}

at::Tensor to_result(at::Tensor stored, std::string_view type, const NumberType& number, const std::string& where)
{
    if (type == "u4")
        return widen_unsigned(stored);
    if (type == "u8")
        require(stored.numel() == 0 || stored.min().item<std::int64_t>() >= 0, Status::Format,
                "{}: holds an unsigned 64-bit number above {}", where, std::numeric_limits<std::int64_t>::max());
    return stored.to(number.result);
}

void append_utf8(std::string& text, std::uint32_t code)
{
    if (code < 0x80) {
        text += static_cast<char>(code);
    } else if (code < 0x800) {
        text += static_cast<char>(0xc0 | code >> 6);
        text += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        text += static_cast<char>(0xe0 | code >> 12);
        text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        text += static_cast<char>(0x80 | (code & 0x3f));
    } else {
        text += static_cast<char>(0xf0 | code >> 18);
        text += static_cast<char>(0x80 | (code >> 12 & 0x3f));
        text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
        text += static_cast<char>(0x80 | (code & 0x3f));
    }
}

std::string utf8(const std::vector<std::uint32_t>& codes, const std::string& where)
{
    std::string text;
    for (const auto code : codes) {
        require(code < 0x110000, Status::Format, "{}: holds a character that Unicode does not have", where);
        append_utf8(text, code);
    }
    return text;
}

/// Characters of a text type ("<U12" or "|S12").
std::int64_t text_length(const Npz::Header& header, const std::string& where)
{
    refuse_objects(header, where);
    const auto type = without_order(header.type);
    const bool text = type.size() >= 2 && type.size() <= 10 && (type[0] == 'U' || type[0] == 'S') &&
                      std::all_of(type.begin() + 1, type.end(), [](unsigned char c) { return std::isdigit(c); });
    require(text && product(header.shape) == 1, Status::Format, "{}: has type '{}' and shape {}; expected one text",
            where, header.type, base::shape_text(header.shape));
    return std::stoll(std::string(type.substr(1)));
}

void drop_padding(std::string& text)
{
    text.erase(text.find_last_not_of('\0') + 1);
}

std::string type_of(const at::Tensor& array)
{
    switch (array.scalar_type()) {
    case at::kBool:
        return "|b1";
    case at::kByte:
        return "|u1";
    case at::kChar:
        return "|i1";
    case at::kUInt16:
        return "<u2";
    case at::kShort:
        return "<i2";
    case at::kInt:
        return "<i4";
    case at::kLong:
        return "<i8";
    case at::kHalf:
        return "<f2";
    case at::kFloat:
        return "<f4";
    case at::kDouble:
        return "<f8";
    case at::kComplexFloat:
        return "<c8";
    case at::kComplexDouble:
        return "<c16";
    default:
        fail(Status::Unsupported, "NPY has no type for {}", c10::toString(array.scalar_type()));
    }
}

} // namespace

at::Tensor allocate(const std::vector<std::int64_t>& shape, at::ScalarType type, const std::string& where)
{
    try {
        return at::empty(shape, at::TensorOptions().dtype(type));
    } catch (const c10::Error&) {
        const double mib =
            static_cast<double>(product(shape)) * static_cast<double>(c10::elementSize(type)) / (1 << 20);
        fail(Status::OutOfMemory, "{}: no memory for {:.0f} MiB", where, mib);
    }
}

NpyLayout read_npy_layout(NpyBytes& bytes)
{
    std::array<unsigned char, 12> start{};
    require(bytes.size >= 10, Status::Format, "{}: {} bytes are too few for an NPY array", bytes.where, bytes.size);
    bytes.read(start.data(), 8);
    require(std::memcmp(start.data(), magic.data(), magic.size()) == 0, Status::Format, "{}: is not an NPY array",
            bytes.where);
    const int version = start[6];
    require(version >= 1 && version <= 3, Status::Format, "{}: NPY version {} is not known", bytes.where, version);
    const std::uint64_t length_bytes = version == 1 ? 2 : 4;
    require(bytes.size >= 8 + length_bytes, Status::Format, "{}: truncated NPY header", bytes.where);
    bytes.read(start.data() + 8, length_bytes);
    std::uint32_t length = 0;
    for (std::uint64_t i = 0; i < length_bytes; ++i)
        length |= static_cast<std::uint32_t>(start[8 + i]) << (8 * i);
    const auto offset = 8 + length_bytes + length;
    require(length <= largest_header && offset <= bytes.size, Status::Format,
            "{}: truncated or damaged NPY header ({} bytes announced)", bytes.where, length);
    std::string text(length, '\0');
    bytes.read(text.data(), length);
    return {HeaderText(text, bytes.where).parse(), offset};
}

at::Tensor read_npy_array(NpyBytes& bytes)
{
    const auto layout = read_npy_layout(bytes);
    const auto& header = layout.header;
    const auto& number = number_type(header, bytes.where);
    check_size(bytes, layout, number.item_bytes);
    auto sides = header.shape;
    if (header.fortran_order)
        std::reverse(sides.begin(), sides.end());
    auto stored = allocate(sides, number.stored, bytes.where);
    bytes.read(stored.data_ptr(), stored.nbytes());
    if (needs_swap(header.type))
        swap_bytes(stored.data_ptr(), static_cast<std::int64_t>(stored.nbytes()), number.swap_bytes);
    auto array = to_result(std::move(stored), without_order(header.type), number, bytes.where);
    return header.fortran_order ? reversed_axes(array).contiguous() : array;
}

NpyRows::NpyRows(NpyBytes bytes) : bytes_(std::move(bytes)), layout_(read_npy_layout(bytes_))
{
    const auto& header = layout_.header;
    check_size(bytes_, layout_, number_type(header, bytes_.where).item_bytes);
    require(!header.fortran_order && !header.shape.empty(), Status::Format,
            "{}: cannot be read row by row (Fortran's order, or no axes)", bytes_.where);
}

at::Tensor NpyRows::next(std::int64_t count)
{
    const auto& header = layout_.header;
    require(count >= 0 && count <= header.shape.front() - next_, Status::InvalidArgument, "{}: {} rows after {} of {}",
            bytes_.where, count, next_, header.shape.front());
    const auto& number = number_type(header, bytes_.where);
    auto sides = header.shape;
    sides.front() = count;
    auto stored = allocate(sides, number.stored, bytes_.where);
    bytes_.read(stored.data_ptr(), stored.nbytes());
    if (needs_swap(header.type))
        swap_bytes(stored.data_ptr(), static_cast<std::int64_t>(stored.nbytes()), number.swap_bytes);
    next_ += count;
    return to_result(std::move(stored), without_order(header.type), number, bytes_.where);
}

at::ScalarType npy_type(const Npz::Header& header, const std::string& where)
{
    return number_type(header, where).result;
}

std::string read_npy_text(NpyBytes& bytes)
{
    const auto layout = read_npy_layout(bytes);
    const auto length = text_length(layout.header, bytes.where);
    const bool wide = without_order(layout.header.type).front() == 'U';
    check_size(bytes, layout, wide ? 4 * length : length);
    std::string text;
    if (wide) {
        std::vector<std::uint32_t> codes(static_cast<std::size_t>(length));
        bytes.read(codes.data(), codes.size() * 4);
        if (needs_swap(layout.header.type))
            swap_bytes(codes.data(), length * 4, 4);
        text = utf8(codes, bytes.where);
    } else {
        text.resize(static_cast<std::size_t>(length));
        bytes.read(text.data(), text.size());
    }
    drop_padding(text);
    return text;
}

std::string npy_preamble(const at::Tensor& array)
{
    static_assert(std::endian::native == std::endian::little, "type_of() says little-endian");
    std::string shape = base::shape_of(array);
    std::string text = "{'descr': '" + type_of(array) + "', 'fortran_order': False, 'shape': " + shape + ", }";
    text.append(63 - (10 + text.size()) % 64, ' ');
    text += '\n';
    std::string preamble(magic);
    preamble += {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
    return preamble + text;
}

std::string npy_text(const std::string& text)
{
    std::string header = "{'descr': '<U" + std::to_string(std::max<std::size_t>(text.size(), 1)) +
                         "', 'fortran_order': False, 'shape': (), }";
    header.append(63 - (10 + header.size()) % 64, ' ');
    header += '\n';
    std::string bytes(magic);
    bytes += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
    bytes += header;
    for (const char letter : text.empty() ? std::string(1, '\0') : text)
        bytes += {letter, '\0', '\0', '\0'}; // UTF-32
    return bytes;
}

} // namespace ptk::data
