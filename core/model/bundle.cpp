#include "model/bundle.h"

#include "base/atomic_file.h"
#include "base/json.h"
#include "base/shape.h"
#include "data/hdf5_file.h"
#include "model/version.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/view_as_real.h>
#include <c10/core/GradMode.h>
#include <nlohmann/json.hpp>
#include <torch/headeronly/version.h>

#include <cmath>
#include <optional>
#include <set>

namespace ptk::model {

namespace {

using config::Json;
using data::Hdf5File;
using generators::Module;

constexpr const char* kind = "model bundle";
constexpr const char* kind_attribute = "ptychokit_kind";
constexpr const char* version_attribute = "ptychokit_version";
constexpr const char* checksum_attribute = "ptychokit_header_fnv1a";
constexpr const char* term_prefix = "history/term_";
constexpr const char* diagnostic_prefix = "history/diagnostic_";
constexpr const char* physics_prefix = "physics/";
constexpr const char* experiments_prefix = "experiments/"; ///< then the number, from 1 on: a probe
constexpr std::size_t header_limit = std::size_t{1} << 26;

/// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923): finds damage, does not protect from forgery.
std::string checksum(const void* data, std::size_t size)
{
    const auto* bytes = static_cast<const unsigned char*>(data);
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (std::size_t i = 0; i < size; ++i)
        hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
    return fmt::format("{:016x}", hash);
}

std::string checksum(const at::Tensor& tensor)
{
    const auto plain = tensor.contiguous();
    return checksum(plain.const_data_ptr(), plain.nbytes());
}

bool all_finite(const at::Tensor& tensor)
{
    return at::isfinite(tensor).all().item<bool>();
}

std::string type_name(const at::Tensor& tensor)
{
    switch (tensor.scalar_type()) {
    case at::kFloat:
        return "float32";
    case at::kDouble:
        return "float64";
    case at::kLong:
        return "int64";
    case at::kComplexFloat:
        return "complex64";
    default:
        return c10::toString(tensor.scalar_type());
    }
}

/// Dataset of the probe of one of several experiments.
std::string probe_of_experiment(std::size_t number)
{
    return experiments_prefix + std::to_string(number + 1);
}

// ---- writing ----

/// The tensors of a bundle by dataset, as they go to the file.
std::map<std::string, at::Tensor> tensors_of(Model& model, const std::map<std::string, at::Tensor>& extra)
{
    std::map<std::string, at::Tensor> tensors;
    const auto put = [&](const std::string& name, const at::Tensor& tensor) {
        tensors[name] = tensor.detach().to(at::kCPU).contiguous();
    };
    for (const auto& [name, tensor] : model.generator->named_parameters())
        put("parameters/" + name, *tensor);
    for (const auto& [name, tensor] : model.generator->named_buffers())
        put("buffers/" + name, *tensor);
    for (const auto& [name, tensor] : extra)
        put("extra/" + name, tensor);
    for (const auto& [name, tensor] : model.physics)
        put(physics_prefix + name, tensor);
    if (model.probe.defined())
        put("probe", model.probe);
    for (std::size_t i = 0; i < model.experiments.size(); ++i)
        put(probe_of_experiment(i), model.experiments[i].probe);
    return tensors;
}

using NamedNumbers = std::map<std::string, double> HistoryRow::*;

/// NaN in epochs without the number.
void put_named(const std::vector<HistoryRow>& history, NamedNumbers numbers, const std::string& prefix,
               std::map<std::string, at::Tensor>& tensors)
{
    for (std::size_t i = 0; i < history.size(); ++i)
        for (const auto& [name, value] : history[i].*numbers) {
            auto& column = tensors[prefix + name];
            if (!column.defined())
                column = at::full({static_cast<std::int64_t>(history.size())}, std::nan(""), at::kDouble);
            column[static_cast<std::int64_t>(i)] = value;
        }
}

void put_history(const std::vector<HistoryRow>& history, std::map<std::string, at::Tensor>& tensors)
{
    const auto column = [&](const char* name, auto member, at::ScalarType type) {
        auto values = at::empty({static_cast<std::int64_t>(history.size())}, type);
        for (std::size_t i = 0; i < history.size(); ++i)
            values[static_cast<std::int64_t>(i)] = history[i].*member;
        tensors[std::string("history/") + name] = values;
    };
    if (history.empty())
        return;
    column("epoch", &HistoryRow::epoch, at::kLong);
    column("training_loss", &HistoryRow::training_loss, at::kDouble);
    column("validation_loss", &HistoryRow::validation_loss, at::kDouble);
    column("learning_rate", &HistoryRow::learning_rate, at::kDouble);
    column("seconds", &HistoryRow::seconds, at::kDouble);
    put_named(history, &HistoryRow::terms, term_prefix, tensors);
    put_named(history, &HistoryRow::diagnostics, diagnostic_prefix, tensors);
}

/// A bundle with such weights would be of no use, and would replace one that is.
void require_finite(const std::map<std::string, at::Tensor>& tensors, const std::string& path)
{
    for (const auto& [name, tensor] : tensors)
        if (name.rfind("parameters/", 0) == 0 || name.rfind(physics_prefix, 0) == 0 ||
            name.rfind(experiments_prefix, 0) == 0 || name == "probe")
            require(all_finite(tensor), Status::NotConverged, "{}: not written: '{}' holds values that are not finite",
                    path, name);
}

Json parse_object(const std::string& text, const char* what)
{
    auto json = base::parse_json(text);
    require(json.is_object(), Status::InvalidArgument, "{} of a bundle: expected a JSON object, found '{}'", what,
            text.substr(0, 80));
    return json;
}

/// Where a program lies, and who is told of a training, is for the user to say, not for a file of data (see
/// model_of_header).
Json stored_settings(const config::Settings& settings)
{
    auto json = settings.to_json();
    json["generator"].erase("file");
    json.erase("plugins");
    json.erase("tracking");
    return json;
}

Json make_header(Model& model, const std::map<std::string, at::Tensor>& tensors, const std::string& extra_json)
{
    Json sums = Json::object();
    for (const auto& [name, tensor] : tensors)
        sums[name] = checksum(tensor);
    return {
        {"library", library_version},
        {"libtorch", TORCH_VERSION},
        {"generator", model.generator_name},
        {"side", model.problem.side},
        {"group_size", model.problem.group_size},
        {"settings", stored_settings(model.settings)},
        {"statistics",
         {{"input_scale", model.input_scale},
          {"object_scale", model.object_scale},
          {"input_rms", model.input_rms},
          {"mean_power", model.mean_power},
          {"object_pixel_m", model.object_pixel_m},
          {"mean_amplitude", model.mean_amplitude}}},
        {"experiments", experiments_json(model.experiments)},
        {"provenance", parse_object(model.provenance, "provenance")},
        {"extra", parse_object(extra_json, "extra_json")},
        {"checksums", std::move(sums)},
    };
}

// ---- reading ----

/// One open bundle with its header.
class Reader {
public:
    explicit Reader(const std::string& path) : path_(path), file_(Hdf5File::open(path))
    {
        require(file_.attribute("/", kind_attribute) == kind, Status::Format,
                "{}: an HDF5 file, but not a model bundle of PtychoKit (no attribute '{}')", path, kind_attribute);
        const auto version = file_.number_attribute("/", version_attribute).value_or(0);
        require(version <= bundle_version, Status::Format,
                "{}: a bundle of layout {}; this library reads up to {}: a newer PtychoKit is needed", path, version,
                bundle_version);
        require(version >= 1, Status::Format, "{}: no bundle layout in attribute '{}'", path, version_attribute);
        require(file_.has("header"), Status::Format, "{}: 'header' is missing", path);
        const auto text = file_.read_string("header", header_limit);
        require(file_.attribute("/", checksum_attribute) == checksum(text.data(), text.size()), Status::Format,
                "{}: the header is damaged (checksum differs)", path);
        header_ = base::parse_json(text);
        require(header_.is_object(), Status::Format, "{}: the header is not a JSON object", path);
    }

    const std::string& path() const noexcept { return path_; }
    const Hdf5File& file() const noexcept { return file_; }

    /// An array of the header; empty when it is not there, as in the first bundles.
    Json array(const char* key) const
    {
        const auto found = header_.find(key);
        require(found == header_.end() || found->is_array(), Status::Format, "{}: header: expected an array '{}'",
                path_, key);
        return found == header_.end() ? Json::array() : *found;
    }
    /// A part of the header that must be there.
    const Json& object(const char* key) const
    {
        const auto found = header_.find(key);
        require(found != header_.end() && found->is_object(), Status::Format, "{}: header: expected an object '{}'",
                path_, key);
        return *found;
    }
    std::string text(const char* key) const
    {
        const auto found = header_.find(key);
        require(found != header_.end() && found->is_string(), Status::Format, "{}: header: expected a text '{}'", path_,
                key);
        return found->get<std::string>();
    }
    std::int64_t integer(const char* key) const
    {
        const auto found = header_.find(key);
        require(found != header_.end() && found->is_number_integer(), Status::Format,
                "{}: header: expected a whole number '{}'", path_, key);
        return found->get<std::int64_t>();
    }
    double statistic(const char* key, std::optional<double> otherwise = {}) const
    {
        const auto& statistics = object("statistics");
        const auto found = statistics.find(key);
        if (found == statistics.end() && otherwise)
            return *otherwise;
        require(found != statistics.end() && found->is_number(), Status::Format,
                "{}: header: statistics: expected a number '{}'", path_, key);
        return found->get<double>();
    }

    /// Names of the datasets that the header lists under a prefix, without it.
    std::vector<std::string> listed(const std::string& prefix) const
    {
        std::vector<std::string> names;
        for (const auto& [name, sum] : object("checksums").items())
            if (name.rfind(prefix, 0) == 0)
                names.push_back(name.substr(prefix.size()));
        return names;
    }

    bool has(const std::string& name) const { return file_.has(name); }

    /// A dataset whose checksum is the one in the header.
    at::Tensor read(const std::string& name) const
    {
        require(has(name), Status::Format, "{}: '{}' is missing", path_, name);
        const auto& sums = object("checksums");
        const auto sum = sums.find(name);
        require(sum != sums.end() && sum->is_string(), Status::Format, "{}: '{}' is not in the header's list", path_,
                name);
        auto tensor = file_.read(name);
        require(checksum(tensor) == sum->get_ref<const std::string&>(), Status::Format,
                "{}: '{}' is damaged (checksum differs)", path_, name);
        return tensor;
    }

private:
    std::string path_;
    Hdf5File file_;
    Json header_;
};

/// The model that the header describes, with fresh weights. What does not fit this library is said with the name of the
/// file. Nothing in it is executed: a program is found among those that the user has named, never by a path of the
/// file.
std::unique_ptr<Model> model_of_header(const generators::GeneratorRegistry& registry, const Reader& reader)
{
    auto config = config::Config::from_json(reader.object("settings").dump());
    for (const char* path : {"generator.file", "plugins"})
        require(!config.values().contains(path), Status::Format,
                "{}: header: settings: '{}' names a file to run; a bundle must not", reader.path(), path);
    config.set("generator.name", reader.text("generator"));
    const auto side = reader.integer("side");
    try {
        return make_model(registry, config, side, c10::kCPU, FirstWeights::Zero);
    } catch (const Error& error) {
        const auto status = error.status() == Status::NotFound ? Status::NotFound : Status::Format;
        throw Error(status, fmt::format("{}: {} (written by PtychoKit {})", reader.path(), error.message(),
                                        reader.text("library")));
    }
}

/// What is wrong with the datasets of one group, compared with what the generator has, one clause each.
std::vector<std::string> problems_of(const Reader& reader, const std::string& group,
                                     const std::vector<Module::Named>& expected)
{
    std::vector<std::string> problems;
    std::set<std::string> unexpected;
    if (reader.has(group))
        for (auto& name : reader.file().list(group))
            unexpected.insert(std::move(name));
    for (const auto& [name, tensor] : expected) {
        const auto dataset = group + "/" + name;
        if (unexpected.erase(name) == 0) {
            problems.push_back(fmt::format("missing '{}'", dataset));
            continue;
        }
        if (!reader.has(dataset)) {
            problems.push_back(fmt::format("'{}' is damaged", dataset));
            continue;
        }
        const auto shape = reader.file().shape(dataset);
        if (!tensor->sizes().equals(shape))
            problems.push_back(fmt::format("'{}' has shape {}, expected {}", dataset, base::shape_text(shape),
                                           base::shape_of(*tensor)));
        else if (const auto type = reader.file().type_name(dataset); type != type_name(*tensor))
            problems.push_back(fmt::format("'{}' holds {}, expected {}", dataset, type, type_name(*tensor)));
    }
    for (const auto& name : unexpected)
        problems.push_back(fmt::format("unexpected '{}/{}'", group, name));
    return problems;
}

void fill(const Reader& reader, const std::string& group, const std::vector<Module::Named>& named)
{
    const c10::NoGradGuard no_gradient;
    for (const auto& [name, tensor] : named) {
        const auto values = reader.read(group + "/" + name);
        require(all_finite(values), Status::Format, "{}: '{}/{}' holds values that are not finite", reader.path(),
                group, name);
        tensor->copy_(values);
    }
}

void read_tensors(const Reader& reader, generators::Generator& generator, const std::string& name)
{
    auto problems = problems_of(reader, "parameters", generator.named_parameters());
    for (auto& problem : problems_of(reader, "buffers", generator.named_buffers()))
        problems.push_back(std::move(problem));
    std::string all;
    for (const auto& problem : problems)
        all += (all.empty() ? "" : "; ") + problem;
    require(problems.empty(), Status::Format, "{}: the tensors do not fit generator '{}': {}", reader.path(), name,
            all);
    fill(reader, "parameters", generator.named_parameters());
    fill(reader, "buffers", generator.named_buffers());
}

at::Tensor read_probe(const Reader& reader, const std::string& name, std::int64_t side)
{
    auto probe = reader.read(name);
    const bool fits = probe.dim() == 3 && probe.size(0) > 0 && probe.size(1) == side && probe.size(2) == side &&
                      probe.scalar_type() == at::kComplexFloat;
    require(fits, Status::Format, "{}: '{}' is {} {}, expected complex64 (modes, {}, {})", reader.path(), name,
            type_name(probe), base::shape_of(probe), side, side);
    require(all_finite(at::view_as_real(probe)), Status::Format, "{}: '{}' holds values that are not finite",
            reader.path(), name);
    return probe;
}

std::vector<Experiment> read_experiments(const Reader& reader, std::int64_t side)
{
    std::vector<Experiment> experiments;
    for (const auto& json : reader.array("experiments")) {
        Experiment one;
        try {
            one.source = json.at("source").get<std::string>();
            one.mark = json.at("mark").get<std::string>();
            one.input_scale = json.at("input_scale").get<double>();
            one.object_scale = json.at("object_scale").get<double>();
            one.mean_power = json.at("mean_power").get<double>();
        } catch (const Json::exception& error) {
            fail(Status::Format, "{}: header: experiment {}: {}", reader.path(), experiments.size() + 1, error.what());
        }
        require(one.input_scale > 0 && one.mean_power > 0, Status::Format,
                "{}: header: experiment {}: input_scale {} and mean_power {}, expected more than 0", reader.path(),
                experiments.size() + 1, one.input_scale, one.mean_power);
        one.probe = read_probe(reader, probe_of_experiment(experiments.size()), side);
        experiments.push_back(std::move(one));
        const auto &first = experiments.front().probe, &last = experiments.back().probe;
        require(last.sizes().equals(first.sizes()), Status::Format,
                "{}: '{}' has shape {}, but that of the first has {}", reader.path(),
                probe_of_experiment(experiments.size() - 1), base::shape_of(last), base::shape_of(first));
    }
    return experiments;
}

std::map<std::string, at::Tensor> read_physics(const Reader& reader, c10::Device device)
{
    std::map<std::string, at::Tensor> factors;
    for (const auto& name : reader.listed(physics_prefix)) {
        const auto value = reader.read(physics_prefix + name);
        const bool fits = value.numel() == 1 && value.dim() == 1 && value.scalar_type() == at::kFloat;
        require(fits && all_finite(value), Status::Format, "{}: '{}{}' is {} {}, expected one finite float32",
                reader.path(), physics_prefix, name, type_name(value), base::shape_of(value));
        factors[name] = value.to(device);
    }
    return factors;
}

void read_named(const Reader& reader, NamedNumbers numbers, const std::string& prefix, std::vector<HistoryRow>& history)
{
    for (const auto& name : reader.listed(prefix)) {
        const auto values = reader.read(prefix + name);
        require(values.dim() == 1 && values.numel() == static_cast<std::int64_t>(history.size()) &&
                    values.scalar_type() == at::kDouble,
                Status::Format, "{}: '{}{}' is {} {}, expected {} rows", reader.path(), prefix, name, type_name(values),
                base::shape_of(values), history.size());
        for (std::size_t i = 0; i < history.size(); ++i)
            if (const double value = values[static_cast<std::int64_t>(i)].item<double>(); !std::isnan(value))
                (history[i].*numbers)[name] = value;
    }
}

std::vector<HistoryRow> read_history(const Reader& reader)
{
    if (reader.listed("history/").empty())
        return {};
    const auto epochs = reader.read("history/epoch");
    std::vector<HistoryRow> history(static_cast<std::size_t>(epochs.numel()));
    const auto column = [&](const char* name, auto member, at::ScalarType type) {
        const auto values = reader.read(std::string("history/") + name);
        require(values.dim() == 1 && values.size(0) == epochs.numel() && values.scalar_type() == type, Status::Format,
                "{}: 'history/{}' is {} {}, expected {} rows", reader.path(), name, type_name(values),
                base::shape_of(values), epochs.numel());
        for (std::size_t i = 0; i < history.size(); ++i)
            history[i].*member =
                values[static_cast<std::int64_t>(i)].item<std::decay_t<decltype(history[i].*member)>>();
    };
    column("epoch", &HistoryRow::epoch, at::kLong);
    column("training_loss", &HistoryRow::training_loss, at::kDouble);
    column("validation_loss", &HistoryRow::validation_loss, at::kDouble);
    column("learning_rate", &HistoryRow::learning_rate, at::kDouble);
    column("seconds", &HistoryRow::seconds, at::kDouble);
    read_named(reader, &HistoryRow::terms, term_prefix, history);
    read_named(reader, &HistoryRow::diagnostics, diagnostic_prefix, history);
    return history;
}

} // namespace

void save_bundle(Model& model, const std::string& path, const std::map<std::string, at::Tensor>& extra,
                 const std::string& extra_json)
{
    auto tensors = tensors_of(model, extra);
    put_history(model.history, tensors);
    require_finite(tensors, path);
    const auto header = make_header(model, tensors, extra_json).dump(1);
    base::write_atomically(path, [&](const std::string& temporary) {
        auto file = Hdf5File::create(temporary);
        file.set_attribute("/", kind_attribute, kind);
        file.set_attribute("/", version_attribute, model.experiments.empty() ? 1 : bundle_version);
        file.set_attribute("/", checksum_attribute, checksum(header.data(), header.size()));
        file.write_string("header", header);
        for (const auto& [name, tensor] : tensors)
            file.write(name, tensor);
        file.close();
    });
}

Bundle load_bundle(const generators::GeneratorRegistry& registry, const std::string& path, c10::Device device)
{
    const Reader reader(path);
    Bundle bundle;
    bundle.model = model_of_header(registry, reader);
    auto& model = *bundle.model;
    require(model.problem.group_size == reader.integer("group_size"), Status::Format,
            "{}: header: 'group_size' is {}, but its settings make groups of {}", path, reader.integer("group_size"),
            model.problem.group_size);
    read_tensors(reader, *model.generator, model.generator_name);
    if (reader.has("probe") || !reader.listed("probe").empty())
        model.probe = read_probe(reader, "probe", model.problem.side);
    model.experiments = read_experiments(reader, model.problem.side);
    model.input_scale = reader.statistic("input_scale");
    model.input_rms = reader.statistic("input_rms", 1);       // these two are
    model.object_scale = reader.statistic("object_scale", 0); // not in the first bundles
    model.mean_power = reader.statistic("mean_power");
    model.object_pixel_m = reader.statistic("object_pixel_m");
    model.mean_amplitude = reader.statistic("mean_amplitude", 0);
    model.physics = read_physics(reader, device);
    model.history = read_history(reader);
    model.provenance = reader.object("provenance").dump();
    model.generator->to(device);
    model.device = device;
    for (const auto& name : reader.listed("extra/"))
        bundle.extra[name] = reader.read("extra/" + name);
    bundle.extra_json = reader.object("extra").dump();
    return bundle;
}

bool is_bundle(const std::string& path)
{
    try {
        return Hdf5File::open(path).attribute("/", kind_attribute) == kind;
    } catch (const Error&) {
        return false;
    }
}

} // namespace ptk::model
