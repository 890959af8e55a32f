package targets

// auto is the model name that stands for every model.
const auto = "auto"
