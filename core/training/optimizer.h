#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

namespace ptk::training {

/// Adam over one group of parameters, all of them in one fused call (Kingma & Ba, arXiv:1412.6980, algorithm 1):
///   g += weight_decay p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p -= rate (m / (1 - b1^t)) / (sqrt(v / (1
///   - b2^t)) + epsilon)
/// Complex parameters count as pairs of real ones. A parameter without a gradient is left alone in that step.
class Adam {
public:
    struct Options {
        double beta1 = 0.9;
        double beta2 = 0.999;
        double epsilon = 1e-8;
        double weight_decay = 0; ///< L2 penalty, added to the gradient
    };

    struct Parameter {
        std::string name;
        at::Tensor tensor; ///< a leaf that requires a gradient; changed in place
    };

    /// What is remembered of a parameter, in its shape (complex ones as real pairs).
    struct Moments {
        at::Tensor mean;
        at::Tensor mean_square;
        at::Tensor steps; ///< (1) float32
    };

    Adam(std::vector<Parameter> parameters, const Options& options);

    void clear_gradients();
    /// Scale the gradients so that their norm over the whole group is at most @p largest (0 = no limit).
    /// @return the norm before; not finite when a gradient is not (then nothing is scaled)
    double clip_gradients(double largest);
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

} // namespace ptk::training
