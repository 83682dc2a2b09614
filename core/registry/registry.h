#pragma once
#include "base/error.h"
#include "base/text.h"
#include "config/schema.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

namespace ptk::registry {

/// What is known of an entry besides how to make it.
struct Metadata {
    std::string name;
    std::vector<std::string> aliases{};
    std::string summary;                     ///< one line
    std::string source;                      ///< paper or program
    std::vector<std::string> capabilities{}; ///< "N=64|128|256", "any probe" ...
    config::Schema options{};                ///< names start with "<category>."
};

/// Named factories of one category. Entries are added by explicit tables and by plug-ins, and stay; a name or alias is
/// taken once. Threads: any call, at any time.
template <class Factory> class Registry {
public:
    explicit Registry(std::string category) : category_(std::move(category)), state_(std::make_unique<State>()) {}

    struct Entry {
        Metadata metadata;
        Factory make;
    };

    /// @throws Error(Exists)
    void add(Metadata metadata, Factory make)
    {
        std::vector<Entry> one;
        one.push_back({std::move(metadata), std::move(make)});
        add_all(std::move(one));
    }

    /// All of them or none. @throws Error(Exists)
    void add_all(std::vector<Entry> entries)
    {
        const std::unique_lock lock(state_->mutex);
        for (std::size_t i = 0; i < entries.size(); ++i)
            for (const auto& name : names_of(entries[i].metadata)) {
                bool taken = find(name) != nullptr;
                for (std::size_t j = 0; j < i; ++j)
                    taken = taken || is_named(entries[j].metadata, name);
                require(!taken, Status::Exists, "{} '{}' is registered already", category_, name);
            }
        for (auto& entry : entries)
            state_->entries.push_back(std::move(entry));
    }

    /// The entry stays where it is as long as the registry lives.
    /// @throws Error(NotFound) naming the nearest
    const Entry& get(const std::string& name) const
    {
        {
            const std::shared_lock lock(state_->mutex);
            if (const auto* entry = find(name))
                return *entry;
        }
        fail(Status::NotFound, "{} '{}' is not registered{}", category_, name, base::did_you_mean(name, names()));
    }

    std::vector<std::string> names() const
    {
        std::vector<std::string> names;
        for (const auto* entry : entries())
            names.push_back(entry->metadata.name);
        return names;
    }

    /// Those that are there now, in the order in which they came.
    std::vector<const Entry*> entries() const
    {
        const std::shared_lock lock(state_->mutex);
        std::vector<const Entry*> all;
        for (const auto& entry : state_->entries)
            all.push_back(&entry);
        return all;
    }

private:
    struct State {
        mutable std::shared_mutex mutex;
        std::deque<Entry> entries; ///< adding does not move those that are there
    };

    static std::vector<std::string> names_of(const Metadata& metadata)
    {
        auto names = metadata.aliases;
        names.push_back(metadata.name);
        return names;
    }

    static bool is_named(const Metadata& metadata, const std::string& name)
    {
        for (const auto& known : names_of(metadata))
            if (known == name)
                return true;
        return false;
    }

    const Entry* find(const std::string& name) const
    {
        for (const auto& entry : state_->entries)
            if (is_named(entry.metadata, name))
                return &entry;
        return nullptr;
    }

    std::string category_;
    std::unique_ptr<State> state_;
};

} // namespace ptk::registry
