#include "model/weights.h"

#include "base/error.h"
#include "base/json.h"
#include "data/npz.h"
#include "data/zip_archive.h"
#include "model/pickle.h"
#include "model/safetensors.h"
#include "model/torch_file.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

namespace ptk::model {

namespace {

using Json = nlohmann::json;
using Kind = PickleValue::Kind;
using Archive = std::shared_ptr<const data::ZipArchive>;

constexpr const char* reference_model = "diffraction_to_obj";
constexpr std::uint64_t largest_member = std::uint64_t{1} << 32;
constexpr std::uint64_t largest_settings = std::uint64_t{1} << 22;
constexpr std::size_t most_sections = 100;

bool is_plain(const PickleValue& value)
{
    return value.kind == Kind::Bool || value.kind == Kind::Int || value.kind == Kind::Float || value.kind == Kind::Text;
}

Json plain_json(const PickleValue& value)
{
    switch (value.kind) {
    case Kind::Bool:
        return value.integer != 0;
    case Kind::Int:
        return value.integer;
    case Kind::Float:
        return value.number;
    default:
        return value.text;
    }
}

/// The plain values of a dict and of the dicts in it by their own names; those of an inner dict do not replace others.
void collect_fields(const PickleValue& dict, Json& fields, std::set<const PickleValue*>& seen)
{
    if (dict.kind != Kind::Dict || !seen.insert(&dict).second || seen.size() > most_sections)
        return;
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
        if (dict.items[i]->kind != Kind::Text)
            continue;
        // Older files say "object.big" for object_big.
        auto name = dict.items[i]->text;
        std::replace(name.begin(), name.end(), '.', '_');
        const auto& value = *dict.items[i + 1];
        if (is_plain(value) && !fields.contains(name))
            fields[name] = plain_json(value);
    }
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2)
        collect_fields(*dict.items[i + 1], fields, seen);
}

void collect_fields(const PickleValue& dict, Json& fields)
{
    std::set<const PickleValue*> seen;
    collect_fields(dict, fields, seen);
}

/// The dict of tensors in a checkpoint, by the names that trainings use; null when the file is none.
const PickleValue* state_of_checkpoint(const PickleValue& root)
{
    for (const char* key : {"state_dict", "model_state_dict"})
        if (const auto* state = root.find(key); state != nullptr && state->kind == Kind::Dict)
            return state;
    return nullptr;
}

[[noreturn]] void refuse(const std::string& name, const std::string& path)
{
    fail(Status::Format,
         "{}: wants the global '{}', which is not called: a file of weights holds tensors and plain values; in Python, "
         "save model.state_dict()",
         path, printable(name));
}

void take_tensors(const TorchFile& file, const PickleValue& dict, Weights& weights)
{
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
        const auto& key = *dict.items[i];
        require(key.kind == Kind::Text, Status::Format, "{}: a key of the state dict is {}, expected a text",
                weights.path, describe(key));
        weights.tensors[key.text] = file.tensor(*dict.items[i + 1], key.text);
    }
}

void take_torch(const TorchFile& file, Weights& weights)
{
    const auto& root = file.root();
    const auto* state = state_of_checkpoint(root);
    if (state == nullptr) {
        if (!file.foreign().empty())
            refuse(file.foreign().front(), weights.path);
        require(root.kind == Kind::Dict, Status::Format, "{}: holds {}, expected a dict of tensors", weights.path,
                describe(root));
        weights.format = "PyTorch state dict";
        return take_tensors(file, root, weights);
    }
    weights.format = root.find("pytorch-lightning_version") != nullptr ? "Lightning checkpoint" : "checkpoint";
    take_tensors(file, *state, weights);
    if (const auto* settings = root.find("hyper_parameters"); settings != nullptr)
        collect_fields(*settings, weights.fields);
}

// ---- PtychoPINN's wts.h5.zip ----

bool has_model(const data::ZipArchive& archive)
{
    return std::any_of(archive.names().begin(), archive.names().end(),
                       [](const std::string& name) { return name.ends_with("model.pth"); });
}

TorchFile torch_member(const data::ZipArchive& archive, const std::string& entry, const std::string& path)
{
    const auto name = path + ": " + entry;
    auto bytes = archive.read(entry, largest_member);
    if (TorchFile::is_legacy(bytes))
        return TorchFile::from_legacy(std::move(bytes), name);
    auto inner = std::make_shared<const data::ZipArchive>(data::ZipArchive::in_memory(std::move(bytes), name));
    require(is_torch_archive(*inner), Status::Format, "{}: is not a file of torch.save", name);
    return TorchFile::from_archive(std::move(inner), name);
}

void take_reference_archive(const data::ZipArchive& archive, Weights& weights)
{
    const auto network = fmt::format("{}/model.pth", reference_model);
    require(archive.has(network), Status::Format, "{}: an archive of models without '{}', the one that predicts",
            weights.path, network);
    take_torch(torch_member(archive, network, weights.path), weights);
    weights.format = "PtychoPINN archive";
    weights.input_rms = 0.5;
    // The whole configuration, where there is one, says more than the list of its old names.
    if (const std::string entry = "torch_scaling_metadata.pt"; archive.has(entry))
        collect_fields(torch_member(archive, entry, weights.path).root(), weights.fields);
    if (const auto entry = fmt::format("{}/params.dill", reference_model); archive.has(entry)) {
        const auto bytes = archive.read(entry, largest_settings);
        collect_fields(*read_pickle(bytes, weights.path + ": " + entry).root, weights.fields);
    }
}

void take_archive(const std::string& path, Weights& weights)
{
    const auto archive = std::make_shared<const data::ZipArchive>(data::ZipArchive::open(path));
    if (is_torch_archive(*archive))
        return take_torch(TorchFile::from_archive(archive, path), weights);
    if (has_model(*archive))
        return take_reference_archive(*archive, weights);
    const auto npz = data::Npz::open(path);
    require(!npz.names().empty(), Status::Format,
            "{}: a zip archive, but neither of torch.save nor PtychoPINN's wts.h5.zip of its PyTorch side nor NPZ",
            path);
    weights.format = "NPZ";
    for (const auto& name : npz.names())
        weights.tensors[name] = npz.read(name);
}

// ---- others ----

void take_safetensors(const std::string& path, Weights& weights)
{
    auto content = read_safetensors(path);
    weights.format = "safetensors";
    weights.tensors = std::move(content.tensors);
    const auto own = content.metadata.find(metadata_key);
    if (own == content.metadata.end())
        return;
    auto fields = base::parse_json(own->second);
    require(fields.is_object(), Status::Format, "{}: its metadata '{}' are no JSON object", path, metadata_key);
    weights.fields = std::move(fields);
}

std::string beginning_of(const std::string& path)
{
    data::regular_file_size(path);
    std::ifstream stream(path, std::ios::binary);
    require(static_cast<bool>(stream), Status::Io, "{}: cannot read", path);
    std::string bytes(16, '\0');
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    bytes.resize(static_cast<std::size_t>(stream.gcount()));
    return bytes;
}

std::string whole_file(const std::string& path)
{
    std::string bytes(data::regular_file_size(path), '\0');
    std::ifstream stream(path, std::ios::binary);
    stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    require(static_cast<bool>(stream), Status::Io, "{}: cannot read", path);
    return bytes;
}

} // namespace

Weights read_weights(const std::string& path)
{
    Weights weights{.path = path, .format = {}};
    const auto beginning = beginning_of(path);
    if (beginning.starts_with("PK"))
        take_archive(path, weights);
    else if (TorchFile::is_legacy(beginning))
        take_torch(TorchFile::from_legacy(whole_file(path), path), weights);
    else if (path.ends_with(".safetensors") || (beginning.size() > 8 && beginning[8] == '{'))
        take_safetensors(path, weights);
    else if (beginning.starts_with("\x89HDF"))
        fail(Status::Format, "{}: an HDF5 file; a bundle of PtychoKit is loaded, not imported", path);
    else
        fail(Status::Format,
             "{}: not a file of weights; expected torch.save (.pth, .pt, .ckpt), PtychoPINN's wts.h5.zip, .safetensors "
             "or .npz",
             path);
    require(!weights.tensors.empty(), Status::Format, "{}: holds no tensors", path);
    return weights;
}

void write_weights(const std::string& path, const std::map<std::string, at::Tensor>& tensors,
                   const std::map<std::string, std::string>& metadata)
{
    if (path.ends_with(".safetensors"))
        return write_safetensors(path, {.tensors = tensors, .metadata = metadata});
    require(path.ends_with(".npz"), Status::InvalidArgument,
            "{}: weights are written to .safetensors or .npz; choose one of these suffixes", path);
    data::write_npz(path, {tensors.begin(), tensors.end()});
}

} // namespace ptk::model
