#pragma once
#include "base/error.h"
#include "base/text.h"
#include "config/schema.h"

#include <functional>
#include <map>
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

/// Named factories of one category. Entries are added by explicit tables; a name or alias is taken once.
template <class Factory> class Registry {
public:
    explicit Registry(std::string category) : category_(std::move(category)) {}

    struct Entry {
        Metadata metadata;
        Factory make;
    };

    void add(Metadata metadata, Factory make)
    {
        for (const auto& name : names_of(metadata))
            require(find(name) == nullptr, Status::Exists, "{} '{}' is registered already", category_, name);
        entries_.push_back({std::move(metadata), std::move(make)});
    }

    /// @throws Error(NotFound) naming the nearest
    const Entry& get(const std::string& name) const
    {
        const auto* entry = find(name);
        if (entry == nullptr)
            fail(Status::NotFound, "{} '{}' is not registered{}", category_, name, base::did_you_mean(name, names()));
        return *entry;
    }

    std::vector<std::string> names() const
    {
        std::vector<std::string> names;
        for (const auto& entry : entries_)
            names.push_back(entry.metadata.name);
        return names;
    }

    const std::vector<Entry>& entries() const noexcept { return entries_; }

private:
    static std::vector<std::string> names_of(const Metadata& metadata)
    {
        auto names = metadata.aliases;
        names.push_back(metadata.name);
        return names;
    }

    const Entry* find(const std::string& name) const
    {
        for (const auto& entry : entries_)
            for (const auto& known : names_of(entry.metadata))
                if (known == name)
                    return &entry;
        return nullptr;
    }

    std::string category_;
    std::vector<Entry> entries_;
};

} // namespace ptk::registry
