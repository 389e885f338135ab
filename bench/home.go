package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bellhop/bellhop"
	"github.com/bellhop/bellhop/sqlite"
)

// home is where a server keeps everything: a database, and its master key.
type home struct {
	homes    homes
	dir      string // with the master key
	database string
	adminKey string // "" until it was started
}

// homes are of one kind of store.
type homes interface {
	name() string
	make(ctx context.Context, dir string) (*home, error)
	// copy makes another one of a home in which nothing runs.
	copy(ctx context.Context, h *home, dir string) (*home, error)
	remove(ctx context.Context, h *home) error
	// open opens the store of a home in which nothing runs.
	open(ctx context.Context, h *home) (bellhop.Store, error)
}

// files are homes with a SQLite database.
type files struct{}

func (files) name() string { return "SQLite" }

func (f files) make(_ context.Context, dir string) (*home, error) {
	dir, err := os.MkdirTemp(dir, "home-")
	if err != nil {
		return nil, err
	}
	return &home{homes: f, dir: dir, database: filepath.Join(dir, "bench.db")}, nil
}

func (f files) copy(ctx context.Context, h *home, dir string) (*home, error) {
	made, err := f.make(ctx, dir)
	if err != nil {
		return nil, err
	}
	made.adminKey = h.adminKey
	return made, copyFolder(made.dir, h.dir)
}

// copyFolder copies the folder of a home, with a key that nobody else may read.
func copyFolder(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return os.Chmod(filepath.Join(to, keyFile), 0o600)
}

// keyFile is the name of the file with the master key.
const keyFile = "bench.key"

func (files) remove(_ context.Context, h *home) error { return os.RemoveAll(h.dir) }

func (files) open(ctx context.Context, h *home) (bellhop.Store, error) {
	return sqlite.Open(ctx, h.database, sqlite.Options{})
}

// fixture gives a home that was set up by a server which has ended, made when it is first
// asked for.
func (l *lab) fixture(ctx context.Context, hs homes, name string, setUp func(s *server) error) (*home, error) {
	key := hs.name() + " " + name
	if h := l.fixtures[key]; h != nil {
		return h, nil
	}
	h, err := hs.make(ctx, l.dir)
	if err != nil {
		return nil, err
	}
	l.cleanUp(func() { _ = hs.remove(context.WithoutCancel(ctx), h) })
	s, err := l.start(ctx, h, 1, 1)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := setUp(s); err != nil {
		return nil, fmt.Errorf("set up %s: %w", name, err)
	}
	s.end(patience)
	l.fixtures[key] = h
	return h, nil
}

// within starts a server on a copy of a home, and removes both after f.
func (l *lab) within(ctx context.Context, h *home, nodes, fan int, args []string, f func(s *server) error) error {
	made, err := h.homes.copy(ctx, h, l.dir)
	if err != nil {
		return err
	}
	defer func() { _ = h.homes.remove(context.WithoutCancel(ctx), made) }()
	s, err := l.start(ctx, made, nodes, fan, args...)
	if err != nil {
		return err
	}
	defer s.stop()
	return f(s)
}
