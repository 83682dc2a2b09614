#include "model/torch_file.h"

#include "base/error.h"
#include "base/shape.h"
#include "data/npy.h"

#include <c10/core/ScalarType.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace ptk::model {

namespace {

using Kind = PickleValue::Kind;

constexpr std::uint64_t largest_pickle = std::uint64_t{1} << 24;
constexpr std::string_view pickle_entry = "data.pkl";
/// The first pickle of the older layout: protocol 2 and a number of ten bytes.
constexpr std::string_view legacy_magic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
constexpr std::int64_t legacy_version = 1001;

at::ScalarType type_of(const std::string& storage, const std::string& where)
{
    static const std::map<std::string_view, at::ScalarType> types{
        {"torch.FloatStorage", at::kFloat},
        {"torch.DoubleStorage", at::kDouble},
        {"torch.HalfStorage", at::kHalf},
        {"torch.BFloat16Storage", at::kBFloat16},
        {"torch.LongStorage", at::kLong},
        {"torch.IntStorage", at::kInt},
        {"torch.ShortStorage", at::kShort},
        {"torch.CharStorage", at::kChar},
        {"torch.ByteStorage", at::kByte},
        {"torch.BoolStorage", at::kBool},
        {"torch.ComplexFloatStorage", at::kComplexFloat},
        {"torch.ComplexDoubleStorage", at::kComplexDouble},
    };
    const auto found = types.find(storage);
    require(found != types.end(), Status::Unsupported, "{}: is stored as '{}', which weights are not", where,
            printable(storage));
    return found->second;
}

std::string key_of(const PickleValue& key)
{
    return key.kind == Kind::Int ? std::to_string(key.integer) : key.text;
}

/// Bytes of so many elements; nothing when 64 bits do not hold it.
std::optional<std::uint64_t> bytes_of(std::uint64_t elements, at::ScalarType type)
{
    const std::uint64_t each = c10::elementSize(type);
    if (elements > (std::uint64_t{1} << 62) / each)
        return std::nullopt;
    return elements * each;
}

std::vector<std::int64_t> whole_numbers(const PickleValue& tuple, const std::string& where)
{
    constexpr std::size_t most_axes = 16;
    require((tuple.kind == Kind::Tuple || tuple.kind == Kind::List) && tuple.items.size() <= most_axes, Status::Format,
            "{}: sizes or strides are {}, expected up to {} whole numbers", where, describe(tuple), most_axes);
    std::vector<std::int64_t> numbers;
    for (const auto* item : tuple.items) {
        require(item->kind == Kind::Int && item->integer >= 0, Status::Format,
                "{}: a size or stride is {}, expected a whole number from 0 on", where, describe(*item));
        numbers.push_back(item->integer);
    }
    return numbers;
}

struct View {
    std::vector<std::int64_t> sizes;
    std::vector<std::int64_t> strides;
    std::int64_t offset;
};

/// A view must lie in its storage and may not repeat its elements: a few bytes could claim any size otherwise.
void check_view(const View& view, std::int64_t elements, const std::string& where)
{
    using Wide = __int128;
    constexpr Wide limit = Wide{1} << 62;
    require(view.sizes.size() == view.strides.size(), Status::Format, "{}: {} sizes, but {} strides", where,
            view.sizes.size(), view.strides.size());
    Wide count = 1;
    Wide last = view.offset;
    for (std::size_t i = 0; i < view.sizes.size(); ++i) {
        count = std::min(limit, count * view.sizes[i]);
        last = std::min(limit, last + Wide{std::max<std::int64_t>(view.sizes[i] - 1, 0)} * view.strides[i]);
    }
    const bool empty = std::find(view.sizes.begin(), view.sizes.end(), 0) != view.sizes.end();
    require(empty || (count <= elements && last < elements), Status::Format,
            "{}: shape {} with strides {} from {} does not fit into a storage of {} elements", where,
            base::shape_text(view.sizes), base::shape_text(view.strides), view.offset, elements);
}

} // namespace

bool is_torch_archive(const data::ZipArchive& archive)
{
    return std::any_of(archive.names().begin(), archive.names().end(), [](const std::string& name) {
        return name == pickle_entry || name.ends_with("/" + std::string(pickle_entry));
    });
}

bool TorchFile::is_legacy(std::string_view beginning)
{
    return beginning.starts_with(legacy_magic);
}

TorchFile TorchFile::from_archive(std::shared_ptr<const data::ZipArchive> archive, const std::string& name)
{
    TorchFile file;
    file.name_ = name;
    file.archive_ = std::move(archive);
    for (const auto& entry : file.archive_->names())
        if (entry == pickle_entry || entry.ends_with("/" + std::string(pickle_entry))) {
            file.folder_ = entry.substr(0, entry.size() - pickle_entry.size());
            break;
        }
    if (const auto order = file.folder_ + "byteorder"; file.archive_->has(order))
        require(file.archive_->read(order, 64) == "little", Status::Unsupported,
                "{}: was written on a big-endian machine; load and save it with PyTorch on a little-endian one", name);
    const auto bytes = file.archive_->read(file.folder_ + std::string(pickle_entry), largest_pickle);
    file.pickle_ = read_pickle(bytes, name);
    return file;
}

TorchFile TorchFile::from_legacy(std::string bytes, const std::string& name)
{
    TorchFile file;
    file.name_ = name;
    file.bytes_ = std::move(bytes);
    const std::string_view all = file.bytes_;
    std::size_t at = legacy_magic.size();
    const auto next = [&] {
        auto pickle = read_pickle(all.substr(at), name);
        at += pickle.size;
        return pickle;
    };
    const auto version = next();
    require(version.root->kind == Kind::Int && version.root->integer == legacy_version, Status::Format,
            "{}: an old file of torch.save of another version than {}", name, legacy_version);
    const auto system = next();
    const auto* little = system.root->find("little_endian");
    require(little == nullptr || little->integer != 0, Status::Unsupported,
            "{}: was written on a big-endian machine; load and save it with PyTorch on a little-endian one", name);
    file.pickle_ = next();
    file.find_legacy_storages(at);
    return file;
}

/// After the pickle comes a list of keys, then for each the number of its elements and the elements.
void TorchFile::find_legacy_storages(std::size_t at)
{
    std::map<std::string, at::ScalarType> types;
    for (const auto& value : pickle_.values)
        if (value.kind == Kind::Storage)
            types[key_of(*value.items[2])] = type_of(value.items[1]->text, name_);
    const auto keys = read_pickle(std::string_view(bytes_).substr(at), name_);
    require(keys.root->kind == Kind::List, Status::Format, "{}: the list of storages is {}", name_,
            describe(*keys.root));
    at += keys.size;
    for (const auto* item : keys.root->items) {
        const auto key = key_of(*item);
        const auto type = types.find(key);
        require(type != types.end(), Status::Format, "{}: storage '{}' is listed, but nothing is in it", name_,
                printable(key));
        std::uint64_t elements = 0;
        require(bytes_.size() - at >= sizeof(elements), Status::Format, "{}: truncated before storage '{}'", name_,
                printable(key));
        std::memcpy(&elements, bytes_.data() + at, sizeof(elements));
        at += sizeof(elements);
        const auto bytes = bytes_of(elements, type->second);
        require(bytes && *bytes <= bytes_.size() - at, Status::Format,
                "{}: storage '{}' of {} elements is truncated: {} bytes are left", name_, printable(key), elements,
                bytes_.size() - at);
        places_[key] = {at, elements};
        at += *bytes;
    }
}

at::Tensor TorchFile::read_storage(const std::string& key, at::ScalarType type, std::uint64_t elements,
                                   const std::string& where) const
{
    const auto wanted = bytes_of(elements, type);
    const auto count = static_cast<std::int64_t>(elements);
    if (archive_ == nullptr) {
        const auto place = places_.find(key);
        require(wanted && place != places_.end() && place->second.elements == elements, Status::Format,
                "{}: its storage '{}' of {} elements is not in the file", where, printable(key), elements);
        auto storage = data::allocate({count}, type, where);
        if (count > 0)
            std::memcpy(storage.mutable_data_ptr(), bytes_.data() + place->second.offset, *wanted);
        return storage;
    }
    const auto entry = folder_ + "data/" + key;
    require(archive_->has(entry), Status::Format, "{}: its storage '{}' is not in the archive", where,
            printable(entry));
    at::Tensor storage;
    archive_->visit(entry, printable(entry), true, [&](data::ZipArchive::Entry& open) {
        require(wanted && open.size == *wanted, Status::Format, "{}: storage '{}' has {} bytes, expected {} of {}",
                where, printable(entry), open.size, elements, c10::toString(type));
        storage = data::allocate({count}, type, where);
        open.read(storage.mutable_data_ptr(), open.size);
    });
    return storage;
}

at::Tensor TorchFile::storage(const PickleValue& id, const std::string& where) const
{
    require(id.kind == Kind::Storage, Status::Format, "{}: is made of {}, expected a storage", where, describe(id));
    const bool part = id.items.size() > 5 && id.items[5]->kind != Kind::None;
    require(!part, Status::Unsupported, "{}: is part of a storage as very old versions of PyTorch wrote them", where);
    const auto key = key_of(*id.items[2]);
    const auto type = type_of(id.items[1]->text, where);
    require(id.items[4]->integer >= 0, Status::Format, "{}: its storage has {} elements", where, id.items[4]->integer);
    const auto elements = static_cast<std::uint64_t>(id.items[4]->integer);
    auto found = storages_.find(key);
    if (found == storages_.end())
        found = storages_.emplace(key, read_storage(key, type, elements, where)).first;
    require(found->second.scalar_type() == type && found->second.numel() == id.items[4]->integer, Status::Format,
            "{}: other tensors say otherwise how its storage '{}' is to be read", where, printable(key));
    return found->second;
}

at::Tensor TorchFile::tensor(const PickleValue& value, const std::string& key) const
{
    const auto where = name_ + ": '" + printable(key) + "'";
    require(value.kind == Kind::Tensor, Status::Format, "{}: is {}, expected a tensor", where, describe(value));
    require(value.items.size() >= 4 && value.items[1]->kind == Kind::Int && value.items[1]->integer >= 0,
            Status::Format, "{}: damaged description of a tensor", where);
    const View view{whole_numbers(*value.items[2], where), whole_numbers(*value.items[3], where),
                    value.items[1]->integer};
    const auto elements = value.items[0]->kind == Kind::Storage ? value.items[0]->items[4]->integer : 0;
    check_view(view, elements, where);
    const auto flat = storage(*value.items[0], where);
    const bool empty = std::find(view.sizes.begin(), view.sizes.end(), 0) != view.sizes.end();
    return empty ? flat.new_empty(view.sizes) : flat.as_strided(view.sizes, view.strides, view.offset);
}

} // namespace ptk::model
