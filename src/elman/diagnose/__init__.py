"""Why a recurrent network does or does not learn: gradient through time, Jacobians, gates."""
