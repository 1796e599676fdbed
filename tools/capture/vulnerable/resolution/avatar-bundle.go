// Package avatars unpacks the picture sets that teams upload as zip files.
package avatars

import (
	"archive/zip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const maxPictureBytes = 1 << 20

// ErrTooLarge says that a picture is larger than a megabyte.
var ErrTooLarge = errors.New("avatars: a picture is too large")

// Install writes the set's PNG files into the team's folder, which exists, and returns their names.
func Install(set, folder string) ([]string, error) {
	archive, err := zip.OpenReader(set)
	if err != nil {
		return nil, err
	}
	defer func() { _ = archive.Close() }()
	var names []string
	for _, picture := range archive.File {
		if !strings.HasSuffix(picture.Name, ".png") {
			continue
		}
		content, err := read(picture)
		if err != nil {
			return names, err
		}
		if err := os.WriteFile(filepath.Join(folder, picture.Name), content, 0o600); err != nil {
			return names, err
		}
		names = append(names, picture.Name)
	}
	return names, nil
}

func read(picture *zip.File) ([]byte, error) {
	source, err := picture.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Close() }()
	content, err := io.ReadAll(io.LimitReader(source, maxPictureBytes+1))
	if err == nil && len(content) > maxPictureBytes {
		err = ErrTooLarge
	}
	return content, err
}
