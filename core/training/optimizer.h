#pragma once
#include "registry/registry.h"

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace ptk::training {

/// How gradients are kept small (training.gradient_clip_by).
enum class GradientLimit {
    Norm,     ///< all of them by one factor, so that their norm together is at most the limit
    Value,    ///< each number into [-limit, limit]
    Adaptive, ///< each tensor so that its norm is at most limit * max(norm of the parameter, 1e-3): Brock et al.,
              ///< arXiv:2102.06171, with whole tensors in the place of units
};

/// By the names of option training.gradient_clip_by: norm, value, agc. Threads: any.
const registry::Registry<GradientLimit>& builtin_gradient_limits();

/// A first-order optimizer over one group of parameters, all of them in one fused call. p parameter, g gradient, t
/// steps:
///   adam   g += weight_decay p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
///          p -= rate (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + epsilon)     Kingma & Ba, arXiv:1412.6980, algorithm 1
///   adamw  p -= rate weight_decay p, then as adam without the penalty        Loshchilov & Hutter, arXiv:1711.05101
///   sgd    g += weight_decay p;  m = momentum m + g;  p -= rate (g + momentum m)     Nesterov's momentum, as Sutskever
///          et al., ICML 2013, write it; momentum 0 is plain descent
/// Complex parameters count as pairs of real ones. A parameter without a gradient is left alone in that step.
class Optimizer {
public:
    enum class Method { Adam, AdamW, Sgd };

    struct Options {
        Method method = Method::Adam;
        double beta1 = 0.9;
        double beta2 = 0.999;
        double epsilon = 1e-8;
        double momentum = 0.9;
        double weight_decay = 0;
    };

    struct Parameter {
        std::string name;
        at::Tensor tensor; ///< a leaf that requires a gradient; changed in place
    };

    /// What is remembered of a parameter, in its shape (complex ones as real pairs).
    struct Moments {
        at::Tensor mean;        ///< sgd: the momentum
        at::Tensor mean_square; ///< undefined with sgd
        at::Tensor steps;       ///< (1) float32
    };

    Optimizer(std::vector<Parameter> parameters, const Options& options);

    void clear_gradients();
    /// @param largest  0 = no limit
    /// @return the norm of all gradients before; not finite when a gradient is not (then nothing is changed)
    double clip_gradients(double largest, GradientLimit by = GradientLimit::Norm);
    void step(double learning_rate);

    Moments& moments(const std::string& parameter);

    /// Moments by "<parameter>.mean", ".mean_square" and ".steps" (for checkpoints; not copies).
    std::map<std::string, at::Tensor> state() const;
    /// Copies the moments out of @p state, whose names carry @p prefix. @throws Error(Format) naming what is missing or
    /// of another shape
    void load_state(const std::map<std::string, at::Tensor>& state, const std::string& prefix);

private:
    struct Slot {
        Parameter parameter;
        Moments moments;
    };
    std::vector<at::Tensor> gradients() const;

    std::vector<Slot> slots_;
    Options options_;
};

/// By the names of option training.optimizer: adam, adamw, sgd. Threads: any.
const registry::Registry<Optimizer::Method>& builtin_optimizers();

} // namespace ptk::training
