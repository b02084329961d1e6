package recipe

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxHeader bounds a safetensors header; the format's own limit.
const maxHeader = 100 << 20

// CheckWeights looks whether a folder holds weights that can be loaded: at least
// one file of the pattern, and each of them a whole safetensors file, that is a
// header whose last tensor ends where the file ends. It returns how
// many tensors there are.
func CheckWeights(folder, pattern string) (int, error) {
	files, err := filepath.Glob(filepath.Join(folder, pattern))
	if err != nil {
		return 0, fmt.Errorf("look for weights: %w", err)
	}
	if len(files) == 0 {
		return 0, fmt.Errorf("no file %s", pattern)
	}
	tensors := 0
	for _, file := range files {
		n, err := checkSafetensors(file)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", filepath.Base(file), err)
		}
		tensors += n
	}
	return tensors, nil
}

func checkSafetensors(name string) (int, error) {
	file, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	var length uint64
	if err := binary.Read(file, binary.LittleEndian, &length); err != nil {
		return 0, errors.New("has no header")
	}
	if length > maxHeader || int64(length) > info.Size()-8 {
		return 0, fmt.Errorf("header of %d bytes in a file of %d", length, info.Size())
	}
	var header map[string]json.RawMessage
	if err := json.NewDecoder(io.LimitReader(file, int64(length))).Decode(&header); err != nil {
		return 0, fmt.Errorf("header: %w", err)
	}
	end, tensors := int64(0), 0
	for key, raw := range header {
		if key == "__metadata__" {
			continue
		}
		var tensor struct {
			Offsets []int64 `json:"data_offsets"`
		}
		if err := json.Unmarshal(raw, &tensor); err != nil || len(tensor.Offsets) != 2 || tensor.Offsets[0] > tensor.Offsets[1] || tensor.Offsets[0] < 0 {
			return 0, fmt.Errorf("tensor %.80q has no valid place", key)
		}
		end = max(end, tensor.Offsets[1])
		tensors++
	}
	if tensors == 0 {
		return 0, errors.New("holds no tensors")
	}
	if want := 8 + int64(length) + end; info.Size() != want {
		return 0, fmt.Errorf("has %d bytes, its header names %d", info.Size(), want)
	}
	return tensors, nil
}
