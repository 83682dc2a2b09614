#include "generators/external.h"

#include "base/shape.h"
#include "generators/common_options.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <limits>
#include <mutex>
#include <set>

namespace ptk::generators {

/// What the generator shares with the nodes of autograd, which may outlive it.
struct External::State {
    std::string name;
    std::unique_ptr<ExternalNetwork> network;
    std::mutex one_at_a_time;
};

namespace {

using config::Json;
using torch::autograd::variable_list;

constexpr std::int64_t most_numbers = std::int64_t{1} << 30;
constexpr std::size_t most_axes = 6;
constexpr std::size_t longest_name = 128;

bool is_word(const std::string& text, const char* extra)
{
    return !text.empty() && text.size() <= longest_name && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view(extra).find(c) != std::string_view::npos;
    });
}

/// Numbers of a parameter that can be, and whose name nobody has.
std::int64_t checked_size(const std::string& generator, const ExternalNetwork::Parameter& parameter,
                          std::set<std::string>& taken)
{
    const auto& [name, shape] = parameter;
    require(is_word(name, "_.") && name.front() != '.' && name.back() != '.', Status::InvalidArgument,
            "generator '{}': a parameter is named '{}'; expected 1 to {} letters, digits, '_' and inner '.'", generator,
            name.substr(0, longest_name), longest_name);
    require(taken.insert(name).second, Status::InvalidArgument, "generator '{}': two parameters are named '{}'",
            generator, name);
    require(shape.size() <= most_axes, Status::InvalidArgument,
            "generator '{}': parameter '{}' has {} axes; at most {} are possible", generator, name, shape.size(),
            most_axes);
    std::int64_t count = 1;
    for (const auto length : shape) {
        require(length >= 1 && length <= most_numbers / count, Status::InvalidArgument,
                "generator '{}': parameter '{}' has shape {}; expected lengths of at least 1 and at most {} numbers",
                generator, name, base::shape_text(shape), most_numbers);
        count *= length;
    }
    return count;
}

/// Arrays to be written come with NaN in them, so that what was left out is seen.
at::Tensor unwritten(at::IntArrayRef shape)
{
    return at::full(shape, std::numeric_limits<float>::quiet_NaN(), at::kFloat);
}

void require_finite(const at::Tensor& tensor, const std::string& generator, const std::string& what)
{
    const auto finite = at::isfinite(tensor);
    require(finite.all().item<bool>(), Status::NotConverged,
            "generator '{}': {} of the {} numbers of {} are not finite: it has diverged, or has not written them",
            generator, tensor.numel() - finite.sum().item<std::int64_t>(), tensor.numel(), what);
}

at::Tensor on_host(const at::Tensor& tensor)
{
    return tensor.detach().to(at::kCPU, at::kFloat).contiguous();
}

/// Parameters as the network sees them.
struct Handed {
    std::vector<at::Tensor> kept;
    ExternalNetwork::Arrays arrays;

    explicit Handed(const std::vector<at::Tensor>& parameters)
    {
        for (const auto& parameter : parameters) {
            kept.push_back(on_host(parameter));
            arrays.push_back(kept.back().const_data_ptr<float>());
        }
    }
};

at::Tensor images_of(External::State& state, const std::vector<at::Tensor>& parameters, const at::Tensor& amplitudes)
{
    const auto x = on_host(amplitudes);
    const auto images = unwritten({x.size(0), 2, x.size(1), x.size(2), x.size(3)});
    const Handed handed(parameters);
    {
        const std::lock_guard lock(state.one_at_a_time);
        state.network->forward(handed.arrays, x.size(0), x.const_data_ptr<float>(), images.data_ptr<float>());
    }
    require_finite(images, state.name, "its images");
    return images.to(amplitudes.device());
}

std::vector<at::Tensor> gradients_of(External::State& state, const std::vector<at::Tensor>& parameters,
                                     const at::Tensor& amplitudes, const at::Tensor& grad_images)
{
    const auto x = on_host(amplitudes);
    const auto gradient = on_host(grad_images);
    const Handed handed(parameters);
    std::vector<at::Tensor> result;
    ExternalNetwork::Targets targets;
    for (const auto& parameter : parameters) {
        result.push_back(unwritten(parameter.sizes()));
        targets.push_back(result.back().data_ptr<float>());
    }
    {
        const std::lock_guard lock(state.one_at_a_time);
        state.network->vjp(handed.arrays, x.size(0), x.const_data_ptr<float>(), gradient.const_data_ptr<float>(),
                           targets);
    }
    for (std::size_t i = 0; i < result.size(); ++i) {
        require_finite(result[i], state.name, fmt::format("the gradient of its parameter {}", i));
        result[i] = result[i].to(parameters[i].device());
    }
    return result;
}

/// The way back through a call of the network.
class Backward : public torch::autograd::Node {
public:
    Backward(std::shared_ptr<External::State> state, const std::vector<at::Tensor>& parameters,
             const at::Tensor& amplitudes)
        : Node(torch::autograd::collect_next_edges(parameters)), state_(std::move(state)),
          amplitudes_(amplitudes.detach(), false)
    {
        for (const auto& parameter : parameters)
            parameters_.emplace_back(parameter, false);
    }

    variable_list apply(variable_list&& gradients) override
    {
        require(!c10::GradMode::is_enabled(), Status::Unsupported,
                "generator '{}' has no second derivatives: it comes from outside", state_->name);
        std::vector<at::Tensor> parameters;
        at::Tensor amplitudes;
        {
            const std::lock_guard lock(mutex_);
            amplitudes = amplitudes_.unpack();
            for (const auto& parameter : parameters_)
                parameters.push_back(parameter.unpack());
        }
        if (!gradients[0].defined())
            return variable_list(parameters.size());
        return gradients_of(*state_, parameters, amplitudes, gradients[0]);
    }

    void release_variables() override
    {
        const std::lock_guard lock(mutex_);
        amplitudes_.reset_data();
        for (auto& parameter : parameters_)
            parameter.reset_data();
    }

    std::string name() const override { return "ptk::External"; }

private:
    std::shared_ptr<External::State> state_;
    torch::autograd::SavedVariable amplitudes_;
    std::vector<torch::autograd::SavedVariable> parameters_;
};

} // namespace

External::External(Layout layout, std::unique_ptr<ExternalNetwork> network, at::Generator random)
    : ChannelGenerator(std::move(layout)), state_(std::make_shared<State>())
{
    state_->name = this->layout().name;
    state_->network = std::move(network);
    const auto declared = state_->network->parameters();
    std::set<std::string> taken;
    std::int64_t left = most_numbers;
    for (const auto& parameter : declared)
        left -= checked_size(state_->name, parameter, taken);
    require(left >= 0, Status::InvalidArgument, "generator '{}': its parameters hold more than {} numbers in all",
            state_->name, most_numbers);

    values_.reserve(declared.size()); // the module keeps pointers to them
    for (std::size_t i = 0; i < declared.size(); ++i) {
        auto& value = values_.emplace_back(random.defined() ? unwritten(declared[i].shape)
                                                            : at::zeros(declared[i].shape, at::kFloat));
        if (random.defined()) {
            state_->network->initialise(i, random.current_seed(), value.data_ptr<float>());
            require_finite(value, state_->name, fmt::format("the initial '{}'", declared[i].name));
        }
        add_parameter(declared[i].name, value);
    }
}

External::~External() = default;

ChannelGenerator::Branches External::branches(const at::Tensor& x)
{
    const bool gradient = c10::GradMode::is_enabled() && is_training();
    require(!gradient || (state_->network->trainable() && !values_.empty()), Status::Unsupported,
            "generator '{}' cannot be trained: it has no {}", state_->name,
            values_.empty() ? "parameters" : "vjp function");
    at::Tensor images;
    {
        const c10::NoGradGuard plain;
        images = images_of(*state_, values_, x);
    }
    if (c10::GradMode::is_enabled() && state_->network->trainable() && !values_.empty())
        torch::autograd::set_history(images, std::make_shared<Backward>(state_, values_, x));
    return {images.select(1, 0), images.select(1, 1)};
}

namespace {

config::Type type_named(const std::string& name, const std::string& where)
{
    static const std::map<std::string, config::Type> types{{"bool", config::Type::Bool},
                                                           {"int", config::Type::Int},
                                                           {"float", config::Type::Float},
                                                           {"string", config::Type::String},
                                                           {"float pair", config::Type::FloatPair}};
    const auto found = types.find(name);
    require(found != types.end(), Status::InvalidArgument,
            "{}: type '{}'; expected bool, int, float, string or float pair", where, name);
    return found->second;
}

std::optional<double> bound(const Json& row, const char* key)
{
    return row.contains(key) ? std::optional(row[key].get<double>()) : std::nullopt;
}

config::Option option_of(const Json& row, const std::string& generator)
{
    // What a model itself needs, and what says which program runs, is not a plug-in's.
    static const std::set<std::string> taken{"name", "C_model", "file", "program"};
    const auto name = row.at("name").get<std::string>();
    const auto where = fmt::format("generator '{}': option '{}'", generator, name.substr(0, longest_name));
    require(is_word(name, "_") && !taken.contains(name), Status::InvalidArgument,
            "{}: expected 1 to {} letters, digits and '_', and not name, C_model, file or program", where,
            longest_name);
    config::Option option{.name = "generator." + name,
                          .type = type_named(row.at("type").get<std::string>(), where),
                          .initial = row.at("default").dump(),
                          .meaning = row.at("meaning").get<std::string>(),
                          .low = bound(row, "min"),
                          .high = bound(row, "max")};
    if (row.contains("choices"))
        option.choices = row["choices"].get<std::vector<std::string>>();
    config::Config initial;
    initial.set(option.name, row["default"]);
    config::Settings(config::Schema({option}), initial); // the default must fit the option
    return option;
}

} // namespace

config::Schema external_options(const std::string& generator, const std::string& json)
{
    std::vector<config::Option> all{options::channels()};
    if (json.empty())
        return config::Schema(std::move(all));
    std::set<std::string> taken;
    try {
        const auto rows = Json::parse(json);
        require(rows.is_array(), Status::InvalidArgument, "expected an array");
        for (const auto& row : rows) {
            all.push_back(option_of(row, generator));
            require(taken.insert(all.back().name).second, Status::InvalidArgument,
                    "generator '{}': '{}' is there twice", generator, all.back().name);
        }
    } catch (const Json::exception& error) {
        fail(Status::InvalidArgument,
             "generator '{}': its options are not a JSON array of {{\"name\", \"type\", \"default\", \"meaning\"}}: {}",
             generator, error.what());
    } catch (const Error& error) {
        fail(Status::InvalidArgument, "generator '{}': its options: {}", generator, error.message());
    }
    return config::Schema(std::move(all));
}

std::string external_values(const config::Settings& settings)
{
    const std::string section = "generator.";
    auto values = settings.to_json().at("generator");
    values.erase("C_model");
    for (const auto& ours : config::library_schema().options())
        if (ours.name.starts_with(section))
            values.erase(ours.name.substr(section.size()));
    return values.dump(-1, ' ', false, Json::error_handler_t::replace);
}

} // namespace ptk::generators
