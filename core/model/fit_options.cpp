#include "model/fit_options.h"

#include "base/error.h"
#include "generators/blocks/initial.h"
#include "model/compare.h"
#include "model/settings.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>
#include <set>
#include <utility>

namespace ptk::model {

namespace {

using config::Json;
using Entry = generators::GeneratorRegistry::Entry;

constexpr double impossible = std::numeric_limits<double>::infinity();
constexpr std::size_t most_generators = 5; ///< that are tried, nearest names first
constexpr int most_sweeps = 8;
constexpr int most_evaluations = 3000; ///< of a generator before a search for pairs of changes is given up
constexpr std::int64_t largest_count = 4096;

/// Sides that are tried where none is given: what detectors are cropped to.
const std::vector<std::int64_t>& usual_sides()
{
    static const std::vector<std::int64_t> sides{64, 128, 256, 32, 48, 96, 160, 192, 320, 384, 512, 1024};
    return sides;
}

/// A name with "#" for its numbers: what all blocks of a list have in common.
std::string pattern_of(std::string_view name)
{
    std::string pattern;
    for (const char letter : name) {
        const bool digit = std::isdigit(static_cast<unsigned char>(letter)) != 0;
        if (!digit)
            pattern += letter;
        else if (pattern.empty() || pattern.back() != '#')
            pattern += '#';
    }
    return pattern;
}

std::set<std::string> patterns_of(generators::Module& network)
{
    std::set<std::string> patterns;
    for (const auto& [tensor, names] : names_of_tensors(network))
        for (const auto& name : names)
            patterns.insert(pattern_of(name));
    return patterns;
}

/// The beginning of the file's names after which most of them are names of the network.
std::string prefix_for(const std::set<std::string>& patterns, const TensorMap& tensors)
{
    std::map<std::string, std::size_t> votes;
    for (const auto& [name, tensor] : tensors)
        for (std::size_t at = 0; at != std::string::npos;) {
            if (patterns.contains(pattern_of(std::string_view(name).substr(at))))
                ++votes[name.substr(0, at)];
            const auto next = name.find_first_of("./", at);
            at = next == std::string::npos ? next : next + 1;
        }
    std::string best;
    std::size_t most = 0;
    for (const auto& [prefix, count] : votes)
        if (count > most) {
            best = prefix;
            most = count;
        }
    return best;
}

/// Common patterns over all patterns (Jaccard).
double similarity(const std::set<std::string>& patterns, const TensorMap& tensors)
{
    std::set<std::string> found;
    for (const auto& [name, tensor] : tensors)
        found.insert(pattern_of(name));
    std::size_t common = 0;
    for (const auto& pattern : found)
        common += patterns.count(pattern);
    const auto all = found.size() + patterns.size() - common;
    return all == 0 ? 0 : static_cast<double>(common) / static_cast<double>(all);
}

/// Numbers that an option could be: lengths of axes, numbers of blocks, small ones.
std::set<std::int64_t> numbers_in(const TensorMap& tensors)
{
    std::set<std::int64_t> numbers{0, 1, 2, 3, 4, 5, 6, 8, 12, 16};
    for (const auto& [name, tensor] : tensors) {
        for (const auto length : tensor.sizes())
            if (length <= largest_count)
                numbers.insert(length);
        for (std::size_t at = name.find_first_of("0123456789"); at < name.size();) {
            const auto end = std::min(name.find_first_not_of("0123456789", at), name.size());
            if (end - at <= 4)
                numbers.insert(std::stoll(name.substr(at, end - at)) + 1);
            at = name.find_first_of("0123456789", end);
        }
    }
    return numbers;
}

/// What a field of the file says of an option; null when nothing.
Json field_of(const config::Option& option, const Json& fields)
{
    if (const auto place = fields.find(option.name); place != fields.end())
        return *place;
    for (const auto& alias : option.aliases)
        if (const auto place = fields.find(alias); place != fields.end())
            return *place;
    return nullptr;
}

std::optional<std::int64_t> whole_number(const Json& fields, const char* name)
{
    const auto place = fields.find(name);
    if (place == fields.end() || !place->is_number_integer())
        return std::nullopt;
    return place->get<std::int64_t>();
}

/// What the user gave, with this generator under whatever name he called it.
config::Config named_as(const std::string& name, const config::Config& given)
{
    config::Config all;
    for (const auto& [key, value] : given.values()) {
        const auto* option = config::library_schema().find(key);
        if (option == nullptr || option->name != "generator.name")
            all.set(key, value);
    }
    all.set("generator.name", name);
    return all;
}

/// One option during the search.
struct Variable {
    const config::Option* option;
    Json initial;
    Json value;
    std::vector<Json> candidates{};
    bool from_file = false;
};

bool in_bounds(const config::Option& option, double value)
{
    return value >= option.low.value_or(-impossible) && value <= option.high.value_or(impossible);
}

std::vector<Json> candidates_of(const config::Option& option, const std::set<std::int64_t>& numbers)
{
    std::vector<Json> candidates;
    switch (option.type) {
    case config::Type::Bool:
        candidates.emplace_back(true);
        candidates.emplace_back(false);
        break;
    case config::Type::String:
        candidates.assign(option.choices.begin(), option.choices.end());
        break;
    case config::Type::Int:
        for (const auto number : numbers)
            if (in_bounds(option, static_cast<double>(number)))
                candidates.emplace_back(number);
        break;
    case config::Type::Float:
        for (const double number : {0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0})
            if (in_bounds(option, number))
                candidates.emplace_back(number);
        break;
    case config::Type::FloatPair:
        break;
    }
    if (option.optional)
        candidates.emplace_back(nullptr);
    return candidates;
}

/// Coordinate descent over the options of one generator.
class Search {
public:
    Search(const Entry& entry, const Weights& weights, const config::Config& given, std::int64_t side)
        : entry_(&entry), schema_(config::library_schema().with(entry.metadata.options)),
          given_(named_as(entry.metadata.name, given)), side_(side)
    {
        if (side_ == 0)
            side_ = whole_number(weights.fields, "side").value_or(whole_number(weights.fields, "N").value_or(0));
        side_known_ = side_ > 0;
        if (!side_known_)
            side_ = usual_sides().front();
        for (std::size_t i = 0; !side_known_ && make() == nullptr && i < usual_sides().size(); ++i)
            side_ = usual_sides()[i];
        if (auto network = make(); network != nullptr) {
            const auto patterns = patterns_of(*network);
            prefix_ = prefix_for(patterns, weights.tensors);
            auto content = sort_tensors(weights.tensors, prefix_);
            tensors_ = std::move(content.own);
            strangers_ = static_cast<double>(content.unexpected.size());
            likeness_ = similarity(patterns, tensors_);
        }
        make_variables(weights.fields);
    }

    double likeness() const { return likeness_; }
    double cost() const { return cost_ + strangers_ * name_distance; }
    const std::string& name() const { return entry_->metadata.name; }

    void run()
    {
        cost_ = evaluate();
        for (int sweep = 0; sweep < most_sweeps && cost_ > 0; ++sweep)
            if (!improve() && !repair())
                return;
    }

    Fit fit()
    {
        Fit fit{.config = options(), .side = side_, .prefix = prefix_};
        fit.found.push_back(fmt::format("generator.name = {}", name()));
        for (auto& variable : variables_) {
            const auto text = fmt::format("{} = {}", variable.option->name, variable.value.dump());
            if (variable.from_file || variable.value != variable.initial)
                fit.found.push_back(text);
            else if (cost_ == 0 && is_open(variable))
                fit.assumed.push_back(text);
        }
        settle_side(fit);
        return fit;
    }

private:
    void make_variables(const Json& fields)
    {
        std::set<std::string> fixed;
        for (const auto& [key, value] : given_.values())
            if (const auto* option = schema_.find(key); option != nullptr)
                fixed.insert(option->name);
        const auto numbers = numbers_in(tensors_);
        for (const auto& option : entry_->metadata.options.options()) {
            if (fixed.contains(option.name))
                continue;
            Variable variable{.option = &option, .initial = Json::parse(option.initial), .value = {}};
            variable.value = variable.initial;
            variable.candidates = candidates_of(option, numbers);
            if (const auto field = field_of(option, fields); !field.is_null() && is_value(option, field)) {
                variable.value = field;
                variable.from_file = true;
            }
            variables_.push_back(std::move(variable));
        }
    }

    static bool is_value(const config::Option& option, const Json& value)
    {
        try {
            config::Config one;
            one.set(option.name, value);
            config::Settings(config::Schema({option}), one);
            return true;
        } catch (const Error&) {
            return false;
        }
    }

    config::Config options() const
    {
        auto all = given_;
        for (const auto& variable : variables_)
            if (variable.value != variable.initial)
                all.set(variable.option->name, variable.value);
        return all;
    }

    /// The network without memory for its weights; null when these options do not go together.
    std::unique_ptr<generators::Generator> make() const
    {
        try {
            const generators::ShapesOnly shapes;
            const config::Settings settings(schema_, options());
            const auto group = settings.has("scan.group_size") ? settings.integer("scan.group_size") : 0;
            return entry_->make({.side = side_, .group_size = group}, settings, at::Generator());
        } catch (const Error& error) {
            if (error.status() != Status::InvalidConfig && error.status() != Status::Shape)
                throw;
            return nullptr;
        }
    }

    double evaluate()
    {
        ++evaluations_;
        const auto network = make();
        return network == nullptr ? impossible : distance(*network, tensors_);
    }

    /// Changes every variable to the value that fits best, one after another; false when none fits better.
    bool improve()
    {
        bool better = !side_known_ && improve(side_, usual_sides());
        for (auto& variable : variables_)
            if (cost_ > 0)
                better |= improve(variable.value, variable.candidates);
        return better;
    }

    template <class Value> bool improve(Value& value, const std::vector<Value>& candidates)
    {
        Value best = value;
        double least = cost_;
        for (const auto& candidate : candidates) {
            value = candidate;
            if (const double cost = evaluate(); cost < least) {
                least = cost;
                best = candidate;
            }
        }
        value = best;
        const bool better = least < cost_;
        cost_ = least;
        return better;
    }

    /// Where no change alone helps: values that do not go with the others (a width that the number of heads does not
    /// divide) together with a second change. False when that does not help either.
    bool repair()
    {
        for (auto& first : variables_)
            for (const auto& candidate : first.candidates) {
                const auto old = std::exchange(first.value, candidate);
                if (evaluations_ < most_evaluations && evaluate() == impossible && improve_another_than(first))
                    return true;
                first.value = old;
            }
        return false;
    }

    bool improve_another_than(const Variable& first)
    {
        return std::any_of(variables_.begin(), variables_.end(), [&](Variable& second) {
            return &second != &first && second.option->type == config::Type::Int &&
                   improve(second.value, second.candidates);
        });
    }

    /// True when another value would fit as well.
    bool is_open(Variable& variable)
    {
        const Json value = variable.value;
        bool open = false;
        for (const auto& candidate : variable.candidates) {
            if (open || candidate == value)
                continue;
            variable.value = candidate;
            open = evaluate() == 0;
        }
        variable.value = value;
        return open;
    }

    void settle_side(Fit& fit)
    {
        if (side_known_ || cost_ > 0)
            return;
        for (const auto side : usual_sides()) {
            side_ = side;
            require(side == fit.side || evaluate() > 0, Status::InvalidArgument,
                    "N, the side of the frames, cannot be told from the weights of a '{}'; give it (--side)", name());
        }
        side_ = fit.side;
        fit.found.push_back(fmt::format("side = {}", fit.side));
    }

    const Entry* entry_;
    config::Schema schema_;
    config::Config given_;
    std::int64_t side_;
    bool side_known_ = false;
    std::string prefix_{};
    TensorMap tensors_{};
    int evaluations_ = 0;
    double strangers_ = 0; ///< tensors that no options can explain
    double likeness_ = 0;
    double cost_ = impossible;
    std::vector<Variable> variables_{};
};

/// The name that the user or the file gives; "" when neither does.
std::string named(const generators::GeneratorRegistry& registry, const Weights& weights, const config::Config& given)
{
    for (const auto& [key, value] : given.values())
        if (const auto* option = config::library_schema().find(key);
            option != nullptr && option->name == "generator.name")
            return registry.get(chosen_generator(given)).metadata.name;
    for (const char* field : {"generator.name", "architecture"})
        if (const auto place = weights.fields.find(field); place != weights.fields.end() && place->is_string()) {
            const auto name = place->get<std::string>();
            for (const auto* entry : registry.entries())
                if (entry->metadata.name == name ||
                    std::count(entry->metadata.aliases.begin(), entry->metadata.aliases.end(), name) > 0)
                    return entry->metadata.name;
        }
    return "";
}

} // namespace

Fit fit_options(const generators::GeneratorRegistry& registry, const Weights& weights, const config::Config& given,
                std::int64_t side)
{
    const auto name = named(registry, weights, given);
    std::vector<Search> searches;
    for (const auto* entry : registry.entries())
        if (name.empty() || entry->metadata.name == name)
            searches.emplace_back(*entry, weights, given, side);
    std::stable_sort(searches.begin(), searches.end(),
                     [](const Search& a, const Search& b) { return a.likeness() > b.likeness(); });
    require(!name.empty() || searches.front().likeness() > 0, Status::Format,
            "{}: no generator has tensors of such names (the first is '{}'); see 'ptychokit list generators'",
            weights.path, weights.tensors.empty() ? "" : weights.tensors.begin()->first);
    Search* best = nullptr;
    for (std::size_t i = 0; i < std::min(searches.size(), most_generators); ++i) {
        searches[i].run();
        if (best == nullptr || searches[i].cost() < best->cost())
            best = &searches[i];
        if (best->cost() == 0)
            break;
    }
    return best->fit();
}

} // namespace ptk::model
