#include "model/safetensors.h"

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/shape.h"
#include "data/npy.h"
#include "data/zip_archive.h"
#include "model/pickle.h"

#include <c10/core/ScalarType.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <optional>
#include <utility>
#include <vector>

namespace ptk::model {

namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr std::uint64_t largest_header = std::uint64_t{100} << 20; ///< the reference implementation's
constexpr std::size_t alignment = 8;
constexpr const char* metadata_key = "__metadata__";

constexpr std::array<std::pair<const char*, at::ScalarType>, 12> types{{
    {"F32", at::kFloat},
    {"F64", at::kDouble},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
    {"C64", at::kComplexFloat},
    {"C128", at::kComplexDouble},
}};

at::ScalarType type_named(const std::string& name, const std::string& where)
{
    for (const auto& [known, type] : types)
        if (name == known)
            return type;
    fail(Status::Unsupported, "{}: has elements of type '{}', which weights do not have", where, printable(name));
}

std::string name_of(at::ScalarType type, const std::string& where)
{
    for (const auto& [name, known] : types)
        if (type == known)
            return name;
    fail(Status::Unsupported, "{}: .safetensors has no type for {}", where, c10::toString(type));
}

struct Part {
    std::string name;
    std::string where;
    at::ScalarType type;
    std::vector<std::int64_t> shape;
    std::uint64_t begin;
    std::uint64_t end;
};

std::optional<std::uint64_t> whole_number(const Json& value)
{
    if (!value.is_number_unsigned())
        return std::nullopt;
    return value.get<std::uint64_t>();
}

/// Bytes of an array; nothing when 62 bits do not hold them.
std::optional<std::uint64_t> bytes_of(const std::vector<std::int64_t>& shape, at::ScalarType type)
{
    constexpr std::uint64_t limit = std::uint64_t{1} << 62;
    if (std::find(shape.begin(), shape.end(), 0) != shape.end())
        return 0;
    std::uint64_t bytes = c10::elementSize(type);
    for (const auto length : shape) {
        if (static_cast<std::uint64_t>(length) > limit / bytes)
            return std::nullopt;
        bytes *= static_cast<std::uint64_t>(length);
    }
    return bytes;
}

Part part_of(const std::string& name, const Json& entry, const std::string& path)
{
    constexpr std::size_t most_axes = 16;
    Part part{.name = name,
              .where = path + ": '" + printable(name) + "'",
              .type = at::kFloat,
              .shape = {},
              .begin = 0,
              .end = 0};
    const bool fits = entry.is_object() && entry.contains("dtype") && entry["dtype"].is_string() &&
                      entry.contains("shape") && entry["shape"].is_array() && entry["shape"].size() <= most_axes &&
                      entry.contains("data_offsets") && entry["data_offsets"].is_array() &&
                      entry["data_offsets"].size() == 2;
    require(fits, Status::Format, "{}: expected dtype, shape and two data_offsets in the header", part.where);
    part.type = type_named(entry["dtype"].get<std::string>(), part.where);
    for (const auto& length : entry["shape"]) {
        const auto number = whole_number(length);
        require(number && *number < std::uint64_t{1} << 62, Status::Format, "{}: a length of its shape is {}",
                part.where, length.dump());
        part.shape.push_back(static_cast<std::int64_t>(*number));
    }
    const auto begin = whole_number(entry["data_offsets"][0]), end = whole_number(entry["data_offsets"][1]);
    require(begin && end && *begin <= *end, Status::Format, "{}: data_offsets are {}", part.where,
            entry["data_offsets"].dump());
    part.begin = *begin;
    part.end = *end;
    const auto bytes = bytes_of(part.shape, part.type);
    require(bytes && *bytes == part.end - part.begin, Status::Format, "{}: shape {} of {} does not fill bytes {} to {}",
            part.where, base::shape_text(part.shape), c10::toString(part.type), part.begin, part.end);
    return part;
}

/// As the format wants it: no byte of the data unused, none used twice.
void check_layout(std::vector<Part>& parts, std::uint64_t size, const std::string& path)
{
    std::sort(parts.begin(), parts.end(),
              [](const Part& a, const Part& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
    std::uint64_t at = 0;
    for (const auto& part : parts) {
        require(part.begin == at, Status::Format, "{}: begins at byte {} of the data, expected {}", part.where,
                part.begin, at);
        at = part.end;
    }
    require(at == size, Status::Format, "{}: {} bytes of data, but the header describes {} (truncated or damaged)",
            path, size, at);
}

Json read_header(std::ifstream& stream, std::uint64_t size, const std::string& path)
{
    std::uint64_t length = 0;
    require(size >= sizeof(length), Status::Format, "{}: {} bytes are too few for .safetensors", path, size);
    stream.read(reinterpret_cast<char*>(&length), sizeof(length));
    require(length <= size - sizeof(length) && length <= largest_header, Status::Format,
            "{}: not .safetensors, or truncated: a header of {} bytes is announced", path, length);
    std::string text(length, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(length));
    require(static_cast<bool>(stream), Status::Io, "{}: cannot read", path);
    auto header = base::parse_json(text);
    require(header.is_object(), Status::Format, "{}: the header is not a JSON object", path);
    return header;
}

std::map<std::string, std::string> metadata_of(const Json& header)
{
    std::map<std::string, std::string> texts;
    if (header.contains(metadata_key) && header[metadata_key].is_object())
        for (const auto& [key, value] : header[metadata_key].items())
            if (value.is_string())
                texts[key] = value.get<std::string>();
    return texts;
}

} // namespace

SafeTensors read_safetensors(const std::string& path)
{
    const auto size = data::regular_file_size(path);
    std::ifstream stream(path, std::ios::binary);
    require(static_cast<bool>(stream), Status::Io, "{}: cannot read", path);
    const auto header = read_header(stream, size, path);
    const auto data_begin = static_cast<std::uint64_t>(stream.tellg());
    std::vector<Part> parts;
    for (const auto& [name, entry] : header.items())
        if (name != metadata_key)
            parts.push_back(part_of(name, entry, path));
    check_layout(parts, size - data_begin, path);
    SafeTensors content{.tensors = {}, .metadata = metadata_of(header)};
    for (const auto& part : parts) {
        auto tensor = data::allocate(part.shape, part.type, part.where);
        stream.read(static_cast<char*>(tensor.mutable_data_ptr()), static_cast<std::streamsize>(part.end - part.begin));
        require(static_cast<bool>(stream), Status::Io, "{}: cannot read", part.where);
        content.tensors[part.name] = std::move(tensor);
    }
    return content;
}

void write_safetensors(const std::string& path, const SafeTensors& content)
{
    std::vector<at::Tensor> held;
    Json header = Json::object();
    if (!content.metadata.empty())
        header[metadata_key] = content.metadata;
    std::uint64_t at = 0;
    for (const auto& [name, tensor] : content.tensors) {
        held.push_back(tensor.detach().cpu().contiguous().resolve_conj().resolve_neg());
        const auto end = at + held.back().nbytes();
        header[name] = {{"dtype", name_of(tensor.scalar_type(), path + ": '" + name + "'")},
                        {"shape", std::vector<std::int64_t>(tensor.sizes().begin(), tensor.sizes().end())},
                        {"data_offsets", {at, end}}};
        at = end;
    }
    auto text = header.dump();
    text.append((alignment - text.size() % alignment) % alignment, ' ');
    base::write_atomically(path, [&](const std::string& temporary) {
        std::ofstream stream(temporary, std::ios::binary);
        const std::uint64_t length = text.size();
        stream.write(reinterpret_cast<const char*>(&length), sizeof(length));
        stream.write(text.data(), static_cast<std::streamsize>(length));
        for (const auto& tensor : held)
            stream.write(static_cast<const char*>(tensor.const_data_ptr()),
                         static_cast<std::streamsize>(tensor.nbytes()));
        stream.close();
        require(static_cast<bool>(stream), Status::Io, "{}: cannot write", path);
    });
}

} // namespace ptk::model
