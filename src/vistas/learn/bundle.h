// Where a trained encoder lies on disk, and what it looks at.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace vistas::learn {

// Boxes and masks: pictures with places; the encoder is a detector or a segmenter.
enum class Modality { image, text, interactions, boxes, masks };

// By its name in files: "image", "text", "interactions", "boxes", "masks".
std::optional<Modality> modality_named(const std::string& name);

std::string name_of(Modality modality);  // "pictures", "texts" ...

// The folder with the encoder of `path`: a run folder (its best checkpoint where there is one, else
// its last), a checkpoint or a bundle (encoder.json), or a folder of Hugging Face or
// sentence-transformers (config.json, modules.json). Anything else is a data error.
std::filesystem::path find_bundle(const std::filesystem::path& path);

// Whether `path` itself is a bundle or a folder of Hugging Face.
bool holds_encoder(const std::filesystem::path& path);

// What the encoder of such a folder looks at: "modality" of encoder.json; the folders of Hugging
// Face hold encoders of text.
Modality modality_of(const std::filesystem::path& folder);

}  // namespace vistas::learn
