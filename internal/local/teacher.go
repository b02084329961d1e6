package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/repoexpert/operator/api/v1alpha1"
	"github.com/repoexpert/operator/internal/class"
	"github.com/repoexpert/operator/internal/contract"
	"github.com/repoexpert/operator/internal/teacher"
)

// TeacherKeyVariable is the environment variable with a teacher's key. Commands
// in the sandbox do not get it.
const TeacherKeyVariable = "REPOEXPERT_TEACHER_KEY"

// maxTeacherFile bounds the file of --teacher, in bytes.
const maxTeacherFile = 64 << 10

// teacherSecret is what a Secret's name stands for here.
const teacherSecret = "local"

// readTeacher reads a teacher as an ExpertClass has it. "" is none.
func readTeacher(name string) (*v1alpha1.Teacher, error) {
	if name == "" {
		return nil, nil
	}
	info, err := os.Stat(name)
	if err == nil && info.Size() > maxTeacherFile {
		err = fmt.Errorf("%s has more than %d bytes", name, maxTeacherFile)
	}
	if err != nil {
		return nil, fmt.Errorf("--teacher: %w", err)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--teacher: %w", err)
	}
	var given v1alpha1.Teacher
	if err := yaml.UnmarshalStrict(content, &given); err != nil {
		return nil, fmt.Errorf("--teacher %s: want the fields of an ExpertClass's teacher as YAML: %w", name, err)
	}
	complete, err := class.Teacher(given)
	if err != nil {
		return nil, fmt.Errorf("--teacher %s: %w", name, err)
	}
	return &complete, nil
}

// teacherKey says where the key comes from: a file, or the environment, or
// nowhere.
func teacherKey(file string) (key func() (string, error), given bool) {
	value := os.Getenv(TeacherKeyVariable)
	switch {
	case file != "":
		return teacher.KeyFile("the file "+file+" of --teacher-key-file", file), true
	case value != "":
		return teacher.FixedKey("the variable "+TeacherKeyVariable, value), true
	default:
		return teacher.NoKey, false
	}
}

// setTeacher puts the teacher that the options name into the recipe.
func (s *Session) setTeacher(options Options) error {
	t, err := readTeacher(options.Teacher)
	if err != nil || t == nil {
		return err
	}
	key, given := teacherKey(options.TeacherKeyFile)
	s.teacherKey, t.SecretRef = key, nil
	if given {
		t.SecretRef = &v1alpha1.LocalSecretReference{Name: teacherSecret}
	}
	s.run.Spec.Recipe.Teacher = t
	return nil
}

// proxy is what stands before a teacher: the proxy of the pods, in this process.
type proxy struct {
	*teacher.Proxy
	listener net.Listener
	ended    chan error
	stop     context.CancelFunc
}

// startProxy starts the proxy on a free port of this machine. All calls that make
// the same samples have one account, in a folder named by the samples' key, so
// that an interrupted call does not spend the budget twice.
func startProxy(ctx context.Context, t v1alpha1.Teacher, key func() (string, error), account string, log *slog.Logger) (*proxy, error) {
	if err := os.MkdirAll(account, 0o750); err != nil {
		return nil, fmt.Errorf("the teacher's account: %w", err)
	}
	p, err := teacher.OpenProxy(t, key, account, log)
	if err != nil {
		return nil, fmt.Errorf("--teacher: %w", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("the teacher's proxy: %w", err)
	}
	// What is under way settles after an interrupt: the account must know of it.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	running := &proxy{Proxy: p, listener: listener, ended: make(chan error, 1), stop: stop}
	go func() { running.ended <- p.Serve(ctx, listener) }()
	return running, nil
}

// url is the base URL that shards are told.
func (p *proxy) url() string { return "http://" + p.listener.Addr().String() + "/v1" }

// close ends the proxy once its requests have ended.
func (p *proxy) close() error {
	p.stop()
	return <-p.ended
}

// taught runs Experience with the recipe's teacher before it, if it has one, and
// says at the end what that used, however it ended.
func (s *Session) taught(ctx context.Context, spec *contract.StageSpec, run func() error) (err error) {
	t := s.run.Spec.Recipe.Teacher
	if t == nil {
		return run()
	}
	account := filepath.Join(s.out, contract.TeachersFolder, spec.Keys.Experience)
	p, err := startProxy(ctx, *t, s.teacherKey, account, slog.New(slog.NewTextHandler(s.log, nil)))
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, p.close())
		s.teacherUsed = p.Used()
		s.display.Event("Teacher: %s of %s for these samples so far", s.teacherUsed, t.Model)
	}()
	spec.TeacherURL = p.url()
	return run()
}
