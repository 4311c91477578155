#!/bin/bash
# A sweep as an array of Slurm jobs, one for each run: sbatch configs/slurm.sh [--config FILE]
# Give --array as many indices as you want jobs; each makes its share of the runs. The folder must be one that all nodes see.
# A job that is stopped or fails: sbatch configs/slurm.sh again makes only what is not done.
#SBATCH --job-name=cyclegan
#SBATCH --array=0-3
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=4
#SBATCH --time=24:00:00
#SBATCH --requeue
source .venv/bin/activate
# exec: the job's signals reach the command
exec cyclegan_sweep --config configs/sweep.yaml --index "$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN))" --count "$SLURM_ARRAY_TASK_COUNT" "$@"
