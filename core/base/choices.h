#pragma once
#include "base/numpy_random.h"

#include <cstdint>
#include <random>
#include <vector>

namespace ptk::base {

/// Where random choices come from: one of our streams, or NumPy's legacy generator where draws must equal a Python
/// reference.
class Choices {
public:
    virtual ~Choices() = default;
    /// Uniform integer in [0, count). @param count  1 to 2^32
    virtual std::int64_t below(std::int64_t count) = 0;
    /// @p size different numbers of [0, count) in random order, each ordered set equally likely. @param size <= count
    virtual void pick(std::int64_t count, std::int64_t size, std::int64_t* out) = 0;
};

/// Fisher-Yates, as far as needed.
class EngineChoices final : public Choices {
public:
    explicit EngineChoices(std::mt19937_64& engine) : engine_(engine) {}
    std::int64_t below(std::int64_t count) override;
    void pick(std::int64_t count, std::int64_t size, std::int64_t* out) override;

private:
    std::mt19937_64& engine_;
    std::vector<std::int64_t> pool_;
};

/// numpy.random.choice(list) and numpy.random.choice(count, size, replace=False).
class NumpyChoices final : public Choices {
public:
    explicit NumpyChoices(NumpyRandom& random) : random_(random) {}
    std::int64_t below(std::int64_t count) override;
    void pick(std::int64_t count, std::int64_t size, std::int64_t* out) override;

private:
    NumpyRandom& random_;
};

} // namespace ptk::base
