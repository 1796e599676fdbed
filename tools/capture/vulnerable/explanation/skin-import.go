// Package skins unpacks the designs that shop owners upload as zip files.
package skins

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
)

const maxFileBytes = 5 << 20

// ErrTooLarge says that a file of the design is larger than five megabytes.
var ErrTooLarge = errors.New("skins: a file is too large")

// Import unpacks the archive into the shop's folder and returns the number of files.
func Import(archive, folder string) (int, error) {
	bundle, err := zip.OpenReader(archive)
	if err != nil {
		return 0, err
	}
	defer func() { _ = bundle.Close() }()
	written := 0
	for _, entry := range bundle.File {
		if entry.FileInfo().IsDir() {
			continue
		}
		target := filepath.Join(folder, entry.Name)
		if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
			return written, err
		}
		if err := unpack(entry, target); err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

func unpack(entry *zip.File, target string) error {
	source, err := entry.Open()
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	content, err := io.ReadAll(io.LimitReader(source, maxFileBytes+1))
	if err != nil {
		return err
	}
	if len(content) > maxFileBytes {
		return ErrTooLarge
	}
	return os.WriteFile(target, content, 0o600)
}
