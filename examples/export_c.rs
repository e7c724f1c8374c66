// A layer exported to C, called from Rust one step at a time:
//
//     python -c 'import elman; elman.export(elman.GRU(2, 3), "gru.c", to="c", form="step")'
//     cc -std=c99 -O3 -c gru.c && ar rcs libgru.a gru.o
//     rustc -O export_c.rs -L . -l static=gru -l m
//     ./export_c

use std::os::raw::{c_int, c_void};

extern "C" {
    fn gru_state_size() -> usize;
    fn gru_reset(state: *mut c_void);
    fn gru_step(state: *mut c_void, x: *const f32, y: *mut f32) -> c_int;
}

/// A stream: its state is memory of its own.
struct Stream(Vec<f32>);

impl Stream {
    fn new() -> Self {
        let mut state = vec![0.0; unsafe { gru_state_size() } / 4];
        unsafe { gru_reset(state.as_mut_ptr().cast()) };
        Stream(state)
    }

    fn step(&mut self, x: &[f32; 2]) -> [f32; 3] {
        let mut y = [0.0; 3];
        let status = unsafe { gru_step(self.0.as_mut_ptr().cast(), x.as_ptr(), y.as_mut_ptr()) };
        assert_eq!(status, 0);
        y
    }
}

fn main() {
    let (mut one, mut two) = (Stream::new(), Stream::new());
    for t in 0..4 {
        let t = t as f32;
        let (a, b) = (one.step(&[t, 1.0]), two.step(&[-t, 0.5]));
        println!("{} {} {} {} {} {}", a[0], a[1], a[2], b[0], b[1], b[2]);
    }
}
