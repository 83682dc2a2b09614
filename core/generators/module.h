#pragma once
#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ptk::generators {

/// A node of a network: owns parameters and buffers, knows its children, names everything with dots as PyTorch's
/// state_dict does
/// ("encoder.blocks.0.conv1.weight"). Children are members of the derived class; the module keeps pointers only.
/// Our own, because torch/nn headers cost seconds of compile time a file and nothing else of them is used.
class Module {
public:
    Module() = default;
    virtual ~Module() = default;
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    struct Named {
        std::string name;
        at::Tensor* tensor;
    };
    std::vector<Named> named_parameters();
    std::vector<Named> named_buffers();
    /// Further names of parameters and buffers that modules share, as the reference's state dicts list them. A bundle
    /// does not need them; weights that come from or go to Python do.
    std::vector<Named> named_aliases();
    std::vector<at::Tensor> parameters();
    /// Training mode (batch norm) of this and everything below.
    virtual void set_training(bool training);
    bool is_training() const noexcept { return training_; }
    /// Move parameters and buffers.
    virtual void to(c10::Device device);

protected:
    void add_parameter(std::string name, at::Tensor& tensor);
    void add_buffer(std::string name, at::Tensor& tensor);
    /// An empty name puts the child's tensors on this level.
    void add_child(std::string name, Module& child);
    /// A second name of a module that is a child somewhere.
    void add_alias(std::string name, Module& module);

private:
    void collect(const std::string& prefix, bool buffers, std::vector<Named>& out);
    void collect_aliases(const std::string& prefix, std::vector<Named>& out);

    std::vector<std::pair<std::string, at::Tensor*>> parameters_;
    std::vector<std::pair<std::string, at::Tensor*>> buffers_;
    std::vector<std::pair<std::string, Module*>> children_;
    std::vector<std::pair<std::string, Module*>> aliases_;
    bool training_ = false;
};

} // namespace ptk::generators
