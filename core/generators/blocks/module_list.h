#pragma once
#include "generators/module.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ptk::generators {

/// Modules in a row, named 0, 1, 2 ... as PyTorch's ModuleList does.
template <class T> class ModuleList : public Module {
public:
    template <class U = T, class... Args> U& append(Args&&... args)
    {
        auto item = std::make_unique<U>(std::forward<Args>(args)...);
        auto& made = *item;
        adopt(std::move(item));
        return made;
    }

    /// A module that was made elsewhere.
    void adopt(std::unique_ptr<T> item)
    {
        add_child(std::to_string(items_.size()), *item);
        items_.push_back(std::move(item));
    }

    std::size_t size() const noexcept { return items_.size(); }
    T& operator[](std::size_t index) { return *items_[index]; }
    const T& operator[](std::size_t index) const { return *items_[index]; }

private:
    std::vector<std::unique_ptr<T>> items_;
};

} // namespace ptk::generators
