"""Fleet: agentless rolling deploys of Dockerised services over SSH."""
